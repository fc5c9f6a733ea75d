// node-thermal-printer: one interface to printers of several makers.
import ntp from 'node-thermal-printer';
import { logo, photo, png } from './pictures.mjs';
import { Job } from './job.mjs';

const { ThermalPrinter, PrinterTypes, CharacterSet } = ntp;

// make prints through an interface object, which gets what execute sends.
const make = (type, steps, options = {}) => async () => {
  const job = new Job();
  const printer = new ThermalPrinter({
    type, width: 42, characterSet: CharacterSet.PC858_EURO, ...options,
    interface: { execute: async buffer => { job.write(buffer); }, isPrinterConnected: async () => true },
  });
  await steps(printer);
  await printer.execute();
  return job;
};

const sale = (picture, codes = true) => async p => {
  p.alignCenter();
  await p.printImageBuffer(png(picture));
  p.setTextDoubleHeight(); p.setTextDoubleWidth(); p.println('CORNER SHOP'); p.setTextNormal();
  p.println('Register 1'); p.drawLine(); p.alignLeft();
  p.tableCustom([{ text: 'Crème 0,2 l', align: 'LEFT', width: 0.5 }, { text: '2', align: 'CENTER', width: 0.2 }, { text: '2,38', align: 'RIGHT', width: 0.3 }]);
  p.leftRight('Bread', '2,40'); p.leftRight('Apples 0.842 kg', '2,52');
  p.bold(true); p.leftRight('TOTAL €', '7,30'); p.bold(false);
  p.invert(true); p.println(' paid '); p.invert(false); p.underlineThick(true); p.println('Thank you'); p.underline(false);
  p.setTypeFontB(); p.println('small print'); p.setTypeFontA();
  if (codes) {
    p.printBarcode('2012345678903', 67, { hriPos: 2, height: 60 });
    p.printQR('2026-11-27;R1;004711;7.30', { cellSize: 4, correction: 'M', model: 2 });
  }
  p.cut();
  p.openCashDrawer();
};

const codes = async p => {
  p.printBarcode('01234567890', 65); p.printBarcode('R1-004711', 69); p.printBarcode('A40156B', 71); p.printBarcode('REG 1', 72); p.printBarcode('Register 1', 73);
  p.code128('Register 1', { hriPos: 2, height: 80, width: 2 });
  p.pdf417('2026-11-27;R1;004711;7.30', { rowHeight: 3, width: 3, correction: 1, columns: 4 });
  p.maxiCode('2026-11-27;R1;004711', { mode: 4 });
  p.printQR('a micro code', { model: 3, cellSize: 8, correction: 'L' });
  p.setTextSize(3, 3); p.println('BIG'); p.setTextSize(0, 0); p.upsideDown(true); p.println('upside down'); p.upsideDown(false);
  p.setLineSpacing(40); p.println('Žluťoučký kůň'); p.println('Ελληνικά'); p.println('Итого'); p.resetLineSpacing();
  p.beep(2, 3); p.newLine(); p.partialCut();
};

const noSale = async p => { p.openCashDrawer(); p.println('NO SALE'); p.println('Register 1'); await p.getStatus(); p.cut(); };

const stream = (name, commands, contains, kicks, job, transport = 'TCP 9100 or a file: one write') =>
  ({ name: 'thermal-' + name, package: 'node-thermal-printer', commands, printer: commands, transport, kicks, contains, job });

export default [
  stream('epson-sale', 'epson', ['sale', 'picture GS v 0', 'EAN-13', 'QR', 'kicks without times'], 1, make(PrinterTypes.EPSON, sale(photo(192, 96)))),
  stream('epson-codes', 'epson', ['bar codes', 'PDF417', 'MaxiCode', 'micro QR', 'beep', 'sizes', 'code pages'], 0, make(PrinterTypes.EPSON, codes)),
  stream('epson-no-sale', 'epson', ['no sale', 'kicks without times', 'paper status'], 1, make(PrinterTypes.EPSON, noSale)),
  stream('custom-sale', 'custom', ['sale', 'picture ESC * 33', 'EAN-13', 'QR'], 1, make(PrinterTypes.CUSTOM, sale(photo(192, 96)))),
  stream('tanca-sale', 'tanca', ['sale', 'picture GS v 0', 'EAN-13', 'QR'], 1, make(PrinterTypes.TANCA, sale(logo()))),
  stream('daruma-sale', 'daruma', ['sale'], 0, make(PrinterTypes.DARUMA, async p => { p.println('CORNER SHOP'); p.leftRight('Bread', '2,40'); p.cut(); }, { characterSet: undefined })),
  stream('star-sale', 'star', ['sale', 'picture', 'bar code', 'a QR code that is a kick (EM)', 'kick BEL'], 2, make(PrinterTypes.STAR, sale(logo()))),
];
