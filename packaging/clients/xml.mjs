// @tillpos/xml-escpos-helper: receipts from templates.
import { createRequire } from 'node:module';
import { base64, logo } from './pictures.mjs';
import { Job } from './job.mjs';

const { EscPos } = createRequire(import.meta.url)('@tillpos/xml-escpos-helper');

const template = `<?xml version="1.0" encoding="UTF-8"?>
<document>
  <align mode="center">
    <image density="d24">{{{picture}}}</image>
    <bold><text-line size="1:0">{{title}}</text-line></bold>
  </align>
  {{#items}}<text-line>{{name}}   {{price}}</text-line>{{/items}}
  <white-mode><text-line>paid</text-line></white-mode>
  <underline><text-line>TOTAL   7.30</text-line></underline>
  <small><text-line>small print</text-line></small>
  <barcode system="EAN_13" width="DOT_250" height="60">2012345678903</barcode>
  <qrcode ecl="M" model="2" size="4">2026-11-27;R1;004711;7.30</qrcode>
  <line-feed />
  <paper-cut />
  <open-cash-drawer />
</document>`;

const job = () => new Job().write(Buffer.from(EscPos.getBufferFromTemplate(template, {
  title: 'CORNER SHOP', picture: base64(logo(192, 64)),
  items: [{ name: 'Milk 1 l', price: '2.38' }, { name: 'Brot für 2 €', price: '2.40' }, { name: 'Apples', price: '2.52' }],
})));

export default [{
  name: 'xml-sale', package: '@tillpos/xml-escpos-helper', commands: 'esc-pos', printer: 'any', transport: 'TCP 9100: one write', kicks: 1,
  contains: ['sale', 'picture GS v 0', 'EAN-13', 'QR', 'UTF-8', 'kicks without times'], job,
}];
