// @point-of-sale/receipt-printer-encoder, and esc-pos-encoder, its older name.
import ReceiptPrinterEncoder from '@point-of-sale/receipt-printer-encoder';
import EscPosEncoder from 'esc-pos-encoder';
import { logo, photo } from './pictures.mjs';
import { Job } from './job.mjs';

const name = '@point-of-sale/receipt-printer-encoder';

const items = [['1', 'Milk 1 l', '1.19'], ['2', 'Bread, dark', '4.80'], ['1', 'Apples 0.842 kg', '2.52'], ['12', 'Eggs', '3.60'], ['1', 'Newspaper', '1.80']];

const sale = (printerModel, { columns = 42, mode, kick = 0, dither = false, pulse = [100, 500], symbols = true, times = 1, code = '2026-11-27;R1;004711;13.91' } = {}) => {
  const e = new ReceiptPrinterEncoder({ printerModel, columns, ...(mode && { imageMode: mode }) });
  e.initialize().codepage('auto');
  e.align('center').image(dither ? photo() : logo(), dither ? 256 : 200, dither ? 120 : 64, dither ? 'floydsteinberg' : 'threshold');
  e.bold(true).size(2, 2).line('CORNER SHOP').size(1, 1).bold(false).line('Register 1').newline().align('left');
  e.table([{ width: 3, align: 'right', marginRight: 1 }, { width: columns - 14 }, { width: 10, align: 'right' }], Array(times).fill(items).flat());
  e.rule().bold(true).table([{ width: columns - 12 }, { width: 12, align: 'right' }], [['TOTAL EUR', '13.91']]).bold(false);
  e.table([{ width: columns - 12 }, { width: 12, align: 'right' }], [['CASH', '20.00'], ['CHANGE', '6.09']]);
  e.newline().align('center').barcode('2012345678903', 'ean13', { height: 60, text: true });
  if (symbols) e.qrcode(code, { model: 2, size: 6, errorlevel: 'm' });
  e.line('Thank you').newline(3).cut(mode ? 'partial' : 'full');
  if (kick > 0) e.pulse(0, ...pulse);
  if (kick > 1) e.pulse(1, ...pulse);
  return e.encode();
};

// long is a week's shopping under a picture as wide as the paper.
const long = () => {
  const e = new ReceiptPrinterEncoder({ printerModel: 'epson-tm-t88vi', imageMode: 'raster' });
  e.initialize().image(photo(512, 240), 512, 240, 'atkinson');
  const head = e.encode();
  return Buffer.concat([Buffer.from(head), Buffer.from(sale('epson-tm-t88vi', { kick: 1, times: 24 }))]);
};

// A QR code of a length that is no drawer's code on a Star.
const shorter = '2026-11-27;R1;4711;13.91';

const accents = () => new ReceiptPrinterEncoder({ printerModel: 'epson-tm-t88v' }).initialize().codepage('auto')
  .line('Crème brûlée          €4,50').line('Æbleskiver, smørrebrød, Öl, Straße').line('Žluťoučký kůň, Łódź, Győr')
  .line('Ελληνικά: Σύνολο').line('Итого: 12,90').line('¿Qué tal? ½ ¼ ± °').italic(true).line('italic').italic(false)
  .underline(true).line('underlined').underline(false).invert(true).line('inverted').invert(false)
  .font('B').line('small print, font B').font('A').box({ outline: 'double', width: 24 }, 'in a box').rule({ style: 'double' })
  .newline(4).cut('partial').encode();

const codes = () => new ReceiptPrinterEncoder({ printerModel: 'epson-tm-t88vi' }).initialize()
  .barcode('01234567890', 'upca', { height: 50 }).barcode('0123456', 'upce', { height: 50 }).barcode('2012345678903', 'ean13', { height: 50 })
  .barcode('20123451', 'ean8', { height: 50 }).barcode('R1-004711', 'code39', { height: 50 }).barcode('0123456789', 'itf', { height: 50 })
  .barcode('A40156B', 'codabar', { height: 50 }).barcode('R1 4711', 'code93', { height: 50 }).barcode('Register 1/4711', 'code128', { height: 50 })
  .barcode('{C\x0c\x22\x38', 'code128', { height: 50 }).barcode('(01)04012345678901', 'gs1-128', { height: 50 })
  .barcode('0401234567890', 'gs1-databar-omni', { height: 50 }).barcode('0401234567890', 'gs1-databar-truncated', { height: 50 })
  .barcode('0401234567890', 'gs1-databar-limited', { height: 50 })
  .qrcode('a small one', { model: 1, size: 3, errorlevel: 'l' }).qrcode('x'.repeat(300), { model: 2, size: 4, errorlevel: 'h' })
  .pdf417('2026-11-27;R1;004711;13.91', { width: 3, height: 3, columns: 0, rows: 0, errorlevel: 1 })
  .pdf417('2026-11-27;R1;004712', { width: 2, height: 4, columns: 4, rows: 10, errorlevel: 3, truncated: true })
  .newline(4).cut().encode();

const refund = () => new EscPosEncoder().initialize().codepage('windows1252').align('center').bold(true).line('REFUND').bold(false)
  .align('left').line('Receipt R1-004711').line('-1 Bread, dark            -2,40 €').line('TOTAL                     -2,40 €').newline()
  .line('Signature __________________').newline(3).cut('partial').pulse(0, 120, 240).encode();

// The browser transports write a job in one go (WebSerial, WebUSB), or in
// messages of 100 bytes with a pause after each (WebBluetooth).
const whole = bytes => new Job().write(bytes);
const messages = bytes => new Job().write(bytes).cut(100, 30);

export default [
  { name: 'encoder-epson-sale', package: name, commands: 'esc-pos', printer: 'epson-tm-t88vi', transport: 'WebUSB: one transfer', kicks: 1, contains: ['sale', 'logo ESC * 33', 'EAN-13', 'QR', 'cut', 'kick ESC p 0'], job: () => whole(sale('epson-tm-t88vi', { kick: 1 })) },
  { name: 'encoder-epson-photo', package: name, commands: 'esc-pos', printer: 'epson-tm-t88vii', transport: 'WebBluetooth: messages of 100 bytes, 30 ms apart', kicks: 2, contains: ['sale', 'dithered picture GS v 0', 'EAN-13', 'QR', 'both drawers'], job: () => messages(sale('epson-tm-t88vii', { kick: 2, mode: 'raster', dither: true })) },
  { name: 'encoder-epson-long', package: name, commands: 'esc-pos', printer: 'epson-tm-t88vi', transport: 'WebUSB: one transfer', kicks: 1, contains: ['sale of 120 lines', 'large dithered picture GS v 0', 'kick'], job: () => whole(long()) },
  { name: 'encoder-epson-column', package: name, commands: 'esc-pos', printer: 'epson-tm-t88ii', transport: 'WebSerial: one write', kicks: 1, contains: ['sale', 'picture ESC * 33', 'EAN-13', 'cut'], job: () => whole(sale('epson-tm-t88ii', { kick: 1, mode: 'column', dither: true, symbols: false })) },
  { name: 'encoder-epson-accents', package: name, commands: 'esc-pos', printer: 'epson-tm-t88v', transport: 'WebSerial: one write', kicks: 0, contains: ['copy', 'code pages', 'euro', 'styles', 'box'], job: () => whole(accents()) },
  { name: 'encoder-epson-codes', package: name, commands: 'esc-pos', printer: 'epson-tm-t88vi', transport: 'WebUSB: one transfer', kicks: 0, contains: ['every bar code', 'QR', 'PDF417'], job: () => whole(codes()) },
  { name: 'encoder-citizen-sale', package: name, commands: 'esc-pos', printer: 'citizen-ct-s310ii', transport: 'WebUSB: one transfer', kicks: 1, contains: ['sale', 'logo', 'EAN-13', 'QR', 'kick'], job: () => whole(sale('citizen-ct-s310ii', { columns: 48, kick: 1 })) },
  { name: 'encoder-bixolon-sale', package: name, commands: 'esc-pos', printer: 'bixolon-srp350iii', transport: 'WebUSB: one transfer', kicks: 1, contains: ['sale', 'logo', 'EAN-13', 'QR', 'kick'], job: () => whole(sale('bixolon-srp350iii', { kick: 1, pulse: [200, 200] })) },
  { name: 'encoder-fujitsu-sale', package: name, commands: 'esc-pos', printer: 'fujitsu-fp1000', transport: 'WebUSB: one transfer', kicks: 1, contains: ['sale', 'logo', 'EAN-13', 'kick'], job: () => whole(sale('fujitsu-fp1000', { kick: 1 })) },
  { name: 'encoder-pos5890-sale', package: name, commands: 'esc-pos', printer: 'pos-5890', transport: 'WebBluetooth: messages of 100 bytes, 30 ms apart', kicks: 1, contains: ['sale', 'logo', 'EAN-13', 'kick'], job: () => messages(sale('pos-5890', { columns: 32, kick: 1, symbols: false })) },
  { name: 'encoder-refund', package: 'esc-pos-encoder', commands: 'esc-pos', printer: 'any', transport: 'WebSerial: one write', kicks: 1, contains: ['refund', 'euro', 'cut', 'kick'], job: () => whole(refund()) },
  { name: 'encoder-starprnt-sale', package: name, commands: 'star-prnt', printer: 'star-mc-print2', transport: 'WebUSB: one transfer', kicks: 1, contains: ['sale', 'logo', 'EAN-13', 'QR', 'kick'], job: () => whole(sale('star-mc-print2', { columns: 48, kick: 1, code: shorter })) },
  { name: 'encoder-starprnt-code', package: name, commands: 'star-prnt', printer: 'star-mc-print2', transport: 'WebUSB: one transfer', kicks: 0, contains: ['copy', 'QR of 26 characters'], lost: 'the length of its QR code is a drawer\'s code (SUB)', job: () => whole(sale('star-mc-print2', { columns: 48 })) },
  { name: 'encoder-starline-sale', package: name, commands: 'star-line', printer: 'star-tsp650ii', transport: 'WebUSB: one transfer', kicks: 2, contains: ['sale', 'dithered picture', 'EAN-13', 'QR', 'both drawers'], job: () => whole(sale('star-tsp650ii', { columns: 48, kick: 2, dither: true, code: shorter })) },
];
