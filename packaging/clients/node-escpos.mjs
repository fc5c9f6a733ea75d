// @node-escpos/core, and escpos, which it comes from.
import { createRequire } from 'node:module';
import { Image, Printer } from '@node-escpos/core';
import { logo, photo, png } from './pictures.mjs';
import { Job } from './job.mjs';

const require = createRequire(import.meta.url);
const older = require('escpos');

// An adapter that takes down what the printer writes, as the USB and network
// adapters are given it.
class Adapter {
  constructor(job) { this.job = job; }
  open(done) { done?.(null); return this; }
  read() { return this; }
  write(data, done) { this.job.write(Buffer.isBuffer(data) ? data : Buffer.from(data, 'binary')); done?.(null); return this; }
  close(done) { done?.(null); return this; }
}

const make = (steps, options = { encoding: 'CP858' }) => async () => {
  const job = new Job();
  const printer = new Printer(new Adapter(job), options);
  await steps(printer);
  await printer.close();
  return job;
};
const image = p => Image.load(png(p), 'image/png');

const sale = async p => {
  p.hardware('SELECT').hardware('INIT').align('CT');
  p.raster(await image(photo(192, 96)), 'NORMAL');
  p.font('A').size(2, 2).text('CORNER SHOP').size(1, 1).style('NORMAL').text('Register 1').align('LT').drawLine();
  p.tableCustom([{ text: 'Crème', align: 'LEFT', width: 0.5 }, { text: '2', align: 'CENTER', width: 0.2 }, { text: '2,38', align: 'RIGHT', width: 0.3 }]);
  p.style('BU').text('TOTAL           7,30').style('NORMAL').align('CT');
  p.barcode('201234567890', 'EAN13', { width: 2, height: 60 });
  p.barcode('R1-004711', 'CODE39', { width: 2, height: 60, includeParity: false });
  await p.qrimage('2026-11-27;R1;004711;7.30', { type: 'png', mode: 'normal' });
  p.cut(true).cashdraw(2);
};

const column = async p => {
  p.align('CT');
  await p.image(await image(logo(192, 72)), 'D24');
  await p.image(await image(logo(96, 32)), 'S8');
  p.text('CORNER SHOP').spacing(4).text('wide').spacing().lineSpace(40).text('far').lineSpace();
  p.setReverseColors(true).text('reverse').setReverseColors(false).color(1).text('red').color(0);
  p.control('HT').text('tab').control('CR').control('VT').beep(2, 3).feed(2).cut().cashdraw(5);
};

const status = async p => {
  // Each byte of the questions is a write of its own.
  void p.getStatuses().catch(() => {});
  p.text('NO SALE').feed(2).cut().cashdraw(2);
};

const qrprinter = async p => {
  p.model('qsprinter');
  p.text('CORNER SHOP').qrcode('2026-11-27;R1;004711;7.30', 3, 'M', 8).cut();
};

const clone = async p => {
  p.text('CORNER SHOP').qrcode('2026-11-27;R1;004711', 1, 'L', 6).marginLeft(2).marginRight(2).marginBottom(2);
  p.setTopLogoPrinting(48, 49, 'ct', 10).enableTopLogoPrinting(false).text('copy').cut();
};

const china = () => new Promise(resolve => {
  const job = new Job();
  const printer = new older.Printer(new Adapter(job));
  printer.align('ct').size(1, 1).text('销售单').align('lt').text('牛奶 1升        12.00').text('面包             8.50').text('合计            20.50');
  printer.cashdraw(2).cut().flush(() => resolve(job));
});

const usb = 'USB: one transfer at close';
const stream = (name, pkg, contains, kicks, job, transport = usb) =>
  ({ name: 'escpos-' + name, package: pkg, commands: 'esc-pos', ...(/clone|qsprinter/.test(name) && { dialect: 'epson-clone' }), printer: 'any', transport, kicks, contains, job });

export default [
  stream('sale', '@node-escpos/core', ['sale', 'picture GS v 0', 'EAN-13', 'CODE39', 'QR as picture', 'kick'], 1, make(sale)),
  stream('column', '@node-escpos/core', ['pictures ESC * 33 and 0', 'spacing', 'beep', 'kick of drawer 2'], 1, make(column)),
  stream('status', '@node-escpos/core', ['no sale', 'real-time status byte by byte', 'kick'], 1, make(status), 'TCP 9100: each part of a question is a write of its own'),
  stream('qsprinter', '@node-escpos/core', ['QR, with a clone\'s ESC #'], 0, make(qrprinter)),
  stream('clone', '@node-escpos/core', ['QR, ESC Z of clones', 'margins of clones', 'top logo'], 0, make(clone)),
  stream('china', 'escpos', ['sale', 'GB 18030', 'kick'], 1, china),
];
