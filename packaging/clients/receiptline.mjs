// receiptline: one document, in the command sets of many makers.
import receiptline from 'receiptline';
import { base64, logo, photo } from './pictures.mjs';
import { Job } from './job.mjs';

const sale = (picture = logo()) => `{image:${base64(picture)}}
^^^CORNER SHOP
Register 1 | 2026-11-27 16:41
{width:*,3,10;border:line}
---
Milk 1 l | 2| 2.38
"Bread", _dark_ | 1| 2.40
\`Apples\` 0.842 kg | 1| 2.52
{border:space;width:*,12}
^^TOTAL | ^^7.30
CASH | 10.00
CHANGE | 2.70
{width:auto;border:none}
{code:2012345678903;option:ean,2,60,hri}
{code:R1-004711;option:code39,2,40}
{code:2026-11-27/R1/004711/7.30;option:qrcode,3,m}
Thank you
=`;

const europe = `^^Crème brûlée, Öl, Straße
Æbleskiver, smørrebrød | 12,50 €
Žluťoučký kůň, Łódź, Győr | 3,00 €
Итого | 15,50 €
{code:A40156B;option:codabar,2,40}
{code:0123456789;option:itf,2,40}
{code:REG 1/4711;option:code93,2,40}
{code:Register 1/47110815;option:code128,2,40,hri}
{code:01234567890;option:upc,2,40}
{code:2012345;option:ean,2,40}
=`;

const japan = `^^領収証
レジ１ | 2026年11月27日
牛乳 １Ｌ | ￥238
ﾊﾟﾝ（食パン） | ￥240
^^合計 | ^^￥478
{code:2012345678903;option:jan,2,60,hri}
ありがとうございました
=`;

const china = `^^销售单
牛奶 1升 | ￥12.00
面包 | ￥8.50
^^合计 | ^^￥20.50
谢谢光临
=`;
const taiwan = '^^收據\n牛奶 | NT$65\n麵包 | NT$40\n^^總計 | ^^NT$105\n謝謝光臨\n=';
const korea = '^^영수증\n우유 | 2,800원\n빵 | 3,500원\n^^합계 | ^^6,300원\n감사합니다\n=';
const thailand = '^^ใบเสร็จ\nนม | 25.00\nขนมปัง | 38.00\n^^รวม | ^^63.00\nขอบคุณ\n=';

const paid = `^^PAID OUT
Window cleaner | 35.00
{border:space;width:10,*}
Signature |
-
=`;

// What receiptline itself has no word for goes in as a command.
const drawer = '{command:\\x1bp\\x00\\x19\\xfa}\n';
const drawerReal = '{command:\\x10\\x14\\x01\\x00\\x01}\n';
const drawerStar = '{command:\\x07}\n';

const transform = (doc, command, more = {}) =>
  Buffer.from(receiptline.transform(doc, { cpl: 48, encoding: 'multilingual', spacing: true, cutting: true, gradient: true, command, ...more }), 'binary');
const job = (...args) => () => new Job().write(transform(...args));

const stream = (name, commands, contains, kicks, make, transport = 'socket: one write') =>
  ({ name: 'receiptline-' + name, package: 'receiptline', commands, printer: 'any', transport, kicks, contains, job: make });

// receiptio, the same makers' tool, asks the printer before it prints.
const asked = doc => () => new Job()
  .write('\x10\x04\x02').write('\x1dI\x42\x1dI\x43', 5).write('\x1b@\x1da\xff', 5)
  .write(transform(doc, 'escpos').toString('binary').replace(/^\x1b@\x1da\x00/, ''), 5);

export default [
  stream('escpos-sale', 'escpos', ['sale', 'logo GS 8 L', 'EAN-13', 'CODE39', 'QR as picture', 'rules', 'kick ESC p'], 1, job(sale() + '\n' + drawer, 'escpos')),
  stream('epson-photo', 'epson', ['sale', 'dithered picture GS 8 L', 'upside down', 'kick DLE DC4'], 1, job(drawerReal + sale(photo()), 'epson', { upsideDown: true })),
  stream('escpos-europe', 'escpos', ['code pages', 'euro', 'six bar codes'], 0, job(europe, 'escpos', { cpl: 42 })),
  stream('escpos-japan', 'escpos', ['sale', 'Kanji, Shift JIS'], 0, job(japan, 'escpos', { encoding: 'shiftjis' })),
  stream('escpos-china', 'escpos', ['sale', 'GB 18030'], 0, job(china, 'escpos', { encoding: 'gb18030' })),
  stream('escpos-taiwan', 'escpos', ['sale', 'Big5'], 0, job(taiwan, 'escpos', { encoding: 'big5' })),
  stream('escpos-korea', 'escpos', ['sale', 'KS C 5601'], 0, job(korea, 'escpos', { encoding: 'ksc5601' })),
  stream('escpos-thailand', 'escpos', ['sale', 'TIS 620 in three passes'], 0, job(thailand, 'escpos', { encoding: 'tis620' })),
  stream('escpos-asked', 'escpos', ['status asked and awaited', 'paid out'], 1, asked(paid + '\n' + drawer), 'receiptio: hello, model, automatic status, then the job in one write'),
  stream('sii-sale', 'sii', ['sale', 'logo GS 8 L', 'bar codes'], 1, job(sale() + '\n' + drawer, 'sii')),
  stream('citizen-sale', 'citizen', ['sale', 'logo GS 8 L', 'bar codes'], 1, job(sale() + '\n' + drawer, 'citizen')),
  stream('fit-sale', 'fit', ['sale', 'logo GS 8 L', 'bar codes'], 1, job(sale() + '\n' + drawer, 'fit')),
  stream('impact-sale', 'impact', ['sale', 'logo ESC * 0', 'two colours'], 1, job(sale(logo(144, 48)) + '\n' + drawer, 'impact', { cpl: 33 })),
  stream('impactb-europe', 'impactb', ['code pages', 'euro'], 0, job(europe, 'impactb', { cpl: 42 })),
  stream('generic-sale', 'generic', ['sale', 'logo GS v 0', 'bar codes', 'QR'], 1, job(sale() + '\n' + drawer, 'generic')),
  stream('generic-china', 'generic', ['sale', 'GB 18030'], 0, job(china, 'generic', { encoding: 'gb18030' })),
  stream('starprnt-sale', 'starsbcs', ['sale', 'logo', 'bar codes', 'QR', 'kick BEL'], 1, job(sale() + '\n' + drawerStar, 'starsbcs')),
  stream('starprnt-japan', 'starmbcs', ['sale', 'Kanji, Shift JIS'], 0, job(japan, 'starmbcs', { encoding: 'shiftjis' })),
  stream('starprnt-china', 'starmbcs2', ['sale', 'GB 18030'], 0, job(china, 'starmbcs2', { encoding: 'gb18030' })),
  stream('starline-sale', 'starlinesbcs', ['sale', 'logo', 'bar codes', 'QR', 'kick BEL'], 1, job(sale() + '\n' + drawerStar, 'starlinesbcs')),
  stream('starline-emulated', 'emustarlinesbcs', ['sale', 'logo', 'bar codes', 'QR'], 0, job(sale(), 'emustarlinesbcs')),
  stream('stargraphic-sale', 'stargraphic', ['picture of a sale'], 0, job(`{image:${base64(photo())}}\n=`, 'stargraphic')),
  stream('starimpact-sale', 'starimpact', ['sale', 'logo', 'two colours'], 0, job(sale(logo(144, 48)), 'starimpact', { cpl: 42 })),
];
