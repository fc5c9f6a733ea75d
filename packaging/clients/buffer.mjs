// escpos-buffer: each command is a write of its own.
import { createRequire } from 'node:module';
import { logo } from './pictures.mjs';
import { Job } from './job.mjs';

const { Align, Cut, Drawer, Image, Model, Printer, Style } = createRequire(import.meta.url)('escpos-buffer');

class Connection {
  constructor(job) { this.job = job; }
  async open() {}
  async write(data) { this.job.write(data); }
  async close() {}
}

const make = (model, drawer = Drawer.First) => async () => {
  const job = new Job();
  const p = await Printer.CONNECT(new Model(model), new Connection(job));
  const picture = logo(144, 48);
  await p.setAlignment(Align.Center);
  await p.draw(new Image({ ...picture, data: Buffer.from(picture.data) }));
  await p.setAlignment(Align.Left);
  await p.writeln('MERCADO DA ESQUINA', Style.DoubleWidth | Style.DoubleHeight, Align.Center);
  await p.writeln('Caixa 1', Style.Bold, Align.Center);
  await p.writeln('Pão francês          R$ 4,80');
  await p.writeln('Maçã 0,842 kg        R$ 7,25', Style.Underline);
  await p.writeln('TOTAL               R$ 12,05', Style.Bold | Style.Condensed);
  await p.withStyle({ width: 2, height: 2, bold: true, align: Align.Center }, async () => { await p.writeln('PAGO'); });
  await p.setAlignment(Align.Center);
  await p.qrcode('2026-11-27;R1;004711;12.05', 4);
  await p.feed(6);
  await p.cutter(Cut.Partial);
  await p.drawer(drawer, 120, 240);
  return job;
};

// The Brazilian makers have commands of their own, drawers included.
const own = ['bematech', 'elgin-vox', 'daruma'];

const stream = (name, printer, kicks, contains, drawer) =>
  ({ name: 'buffer-' + name, package: 'escpos-buffer', commands: name, dialect: own.includes(name) ? 'epson-clone' : 'epson', printer, transport: 'WebUSB: a transfer a command', kicks, contains: ['sale', 'picture ESC *', 'QR', 'accents', ...contains], job: make(printer, drawer) });

export default [
  stream('epson', 'TM-T20', 1, ['kick of drawer 2'], Drawer.Second),
  stream('bematech', 'MP-4200 TH', 0, ['kick ESC v, of its maker']),
  stream('elgin', 'I9', 1, []),
  stream('elgin-vox', 'VOX', 0, ['kick ESC v, of its maker']),
  stream('daruma', 'DR800', 0, ['kick ESC p without parameters, of its maker']),
];
