// Draws web/icons from web/icon.svg in Chromium: `node tools/icons.mjs`. The icon has few colours, so
// the files are small: green, white, and the steps between them.
import { readFile, writeFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const ICON = new URL('../../web/icon.svg', import.meta.url);
const FOLDER = new URL('../../web/icons/', import.meta.url);
const GREEN = [0x0b, 0x6b, 0x53];
const STEPS = 15;

/** The steps from green to white, then from green to transparent. */
const PALETTE = [
  ...Array.from({ length: STEPS + 1 }, (_, step) => [
    ...GREEN.map((part) => Math.round(part + ((255 - part) * step) / STEPS)), 255,
  ]),
  ...Array.from({ length: STEPS }, (_, step) => [...GREEN, Math.round((255 * step) / STEPS)]),
];

/** The colour of the palette that is closest to a pixel. */
function indexOf([red, , , alpha]) {
  if (alpha < 250) return STEPS + 1 + Math.min(STEPS - 1, Math.round((alpha / 255) * STEPS));
  return Math.round(((red - GREEN[0]) / (255 - GREEN[0])) * STEPS);
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG with a palette (PNG specification, colour type 3). */
function png(size, pixels) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const rows = Buffer.alloc((size + 1) * size);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const at = (y * size + x) * 4;
      rows[y * (size + 1) + 1 + x] = indexOf(pixels.slice(at, at + 4));
    }
  }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('PLTE', Buffer.from(PALETTE.flatMap(([red, green, blue]) => [red, green, blue]))),
    chunk('tRNS', Buffer.from(PALETTE.map(([, , , alpha]) => alpha))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const svg = await readFile(ICON, 'utf8');
// To the edges, for systems that cut a shape of their own out of it.
const full = svg.replace(' rx="8"', '');
// Smaller too: what is outside of a circle of 80 % may be cut off.
const maskable = full.replace('<path ', '<path transform="translate(3.2 2.8) scale(.8)" ');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const page = await browser.newPage();
for (const [name, source, size] of [
  ['icon-192', svg, 192], ['icon-512', svg, 512], ['maskable-512', maskable, 512],
  ['apple-touch-icon', full, 180],
]) {
  const pixels = await page.evaluate(async ([source, size]) => {
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, size, size);
    return [...context.getImageData(0, 0, size, size).data];
  }, [source, size]);
  await writeFile(new URL(`${name}.png`, FOLDER), png(size, pixels));
}
await browser.close();
