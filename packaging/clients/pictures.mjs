// Pictures that receipts carry, drawn here so that none is anybody's.
import { PNG } from 'pngjs';

// draw makes an RGBA picture from a function of its pixels: 0 is black, 255 white.
const draw = (width, height, shade) => {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const v = shade(x, y);
      data.set([v, v, v, 255], 4 * (y * width + x));
    }
  }
  return { width, height, data };
};

// Letters of five by seven dots, as many as the logo has.
const letters = {
  S: '01111100001000001110000010000111110', H: '10001100011000111111100011000110001', O: '01110100011000110001100011000101110',
  P: '11110100011000111110100001000010000',
};
const word = 'SHOP';

// logo is a framed word: large even areas and straight edges.
export const logo = (width = 200, height = 64) => draw(width, height, (x, y) => {
  if (x < 3 || y < 3 || x >= width - 3 || y >= height - 3) return 0;
  const cell = Math.floor(Math.min((width - 24) / (6 * word.length), (height - 16) / 7));
  const column = Math.floor((x - 12) / cell), row = Math.floor((y - 8) / cell);
  if (x < 12 || y < 8 || row > 6) return 255;
  const letter = letters[word[Math.floor(column / 6)]];
  return letter && column % 6 < 5 && letter[row * 5 + column % 6] === '1' ? 0 : 255;
});

// photo is shaded, so that dithering it makes every byte that there is.
export const photo = (width = 256, height = 120) => draw(width, height, (x, y) => {
  const dx = x - width / 2, dy = (y - height / 2) * 1.6;
  const far = Math.sqrt(dx * dx + dy * dy) / (width / 2);
  return Math.max(0, Math.min(255, Math.round(128 + 120 * Math.cos(9 * far) * (1 - far / 2))));
});

export const png = p => {
  const out = new PNG({ width: p.width, height: p.height });
  out.data = Buffer.from(p.data);
  return PNG.sync.write(out, { filterType: 0 });
};

export const base64 = p => png(p).toString('base64');
