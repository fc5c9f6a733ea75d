// Makes devices/printer/testdata/clients: what printers are sent by the encoder
// packages that POS applications are built on. See README.md.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../../devices/printer/testdata/clients');
const require = createRequire(import.meta.url);
const only = process.argv.slice(2);

const modules = readdirSync(here).filter(f => /^(encoder|receiptline|thermal|node-escpos|buffer|xml|react)\.mjs$/.test(f)).sort();
const streams = (await Promise.all(modules.map(f => import('./' + f)))).flatMap(m => m.default);

const about = name => {
  const p = JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'), 'utf8'));
  return { package: p.name, version: p.version, licence: p.license };
};

// The register's dialect for a command set, as its configuration names it.
const dialectOf = commands => ({
  sii: 'epson-sii',
  'star-prnt': 'starprnt', starsbcs: 'starprnt', starmbcs: 'starprnt', starmbcs2: 'starprnt',
  'star-line': 'star-line', starlinesbcs: 'star-line', starimpact: 'star-line', star: 'star-line',
  emustarlinesbcs: 'star-line', stargraphic: 'star-raster',
})[commands] ?? 'epson';

mkdirSync(out, { recursive: true });
const manifest = [];
for (const s of streams) {
  const job = await Promise.resolve().then(() => s.job()).catch(e => { throw new Error(`${s.name}: ${e}`); });
  const file = s.name + '.bin';
  // Runs of equal pieces are written once: [bytes, times, pause before each in ms].
  const pieces = [];
  for (const p of job.pieces) {
    const last = pieces.at(-1);
    if (last && last[0] === p.bytes.length && last[2] === p.pause) last[1]++;
    else pieces.push([p.bytes.length, 1, p.pause]);
  }
  writeFileSync(join(out, file), job.bytes);
  manifest.push({ file, ...about(s.package), commands: s.commands, dialect: s.dialect ?? dialectOf(s.commands), printer: s.printer, contains: s.contains, transport: s.transport, kicks: s.kicks, ...(s.lost && { lost: s.lost }), bytes: job.bytes.length, pieces });
}
const listed = new Set(manifest.map(m => m.file));
for (const f of readdirSync(out)) {
  if (f.endsWith('.bin') && !listed.has(f)) rmSync(join(out, f));
}
const lines = manifest.map(m => '  ' + JSON.stringify(m)).join(',\n');
writeFileSync(join(out, 'manifest.json'), `[\n${lines}\n]\n`);
console.log(`${manifest.length} streams, ${manifest.reduce((n, m) => n + m.bytes, 0)} bytes`);
