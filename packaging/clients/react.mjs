// react-thermal-printer's encoder, @react-thermal-printer/printer.
import { getPrinter } from '@react-thermal-printer/printer';
import { logo } from './pictures.mjs';
import { Job } from './job.mjs';

const job = () => {
  const picture = logo(192, 64);
  const p = getPrinter({ type: 'epson' });
  p.initialize().setCharacterSet('korea').setAlign('center').image({ width: picture.width, height: picture.height, data: picture.data });
  p.setTextSize(2, 2).text('영수증').newLine().setTextSize(1, 1).setAlign('left').text('우유          2,800').newLine().text('빵            3,500').newLine();
  p.setTextBold(true).text('합계          6,300').newLine().setTextBold(false).setTextUnderline('1dot-thick').text('감사합니다').newLine().setTextNormal();
  p.invert(true).text('paid').newLine().invert(false).setTextFont('B').text('small print').newLine().setTextFont('A');
  p.barcode('2012345678903', 'JAN13', { hriPosition: 'bottom', height: 60 }).barcode('R1-004711', 'CODE39').barcode('{BRegister 1', 'CODE128');
  p.barcode('0401234567890', 'GS1 (DataBar Omnidirectional)').qrcode('2026-11-27;R1;004711;6300', { model: 'model2', cellSize: 4, correction: 'M' });
  p.newLine().newLine().cut(true).cashdraw('2pin').cashdraw('5pin');
  return new Job().write(Buffer.from(p.getData()));
};

export default [{
  name: 'react-korea', package: '@react-thermal-printer/printer', commands: 'epson', printer: 'epson', transport: 'WebSerial: one write', kicks: 2,
  contains: ['sale', 'KS C 5601', 'picture GS v 0', 'bar codes', 'QR', 'both drawers'], job,
}];
