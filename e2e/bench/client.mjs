// Measures the web client: the real server, a real Chromium, one page and a crowd that talks.
//   node e2e/bench/client.mjs [crowd]      after `cargo xtask dist`; XMEET_BIN and CHROMIUM as in the tests
import { Bot } from '../support/bot.mjs';
import { launch } from '../support/chromium.mjs';
import { memoryOf } from '../support/memory.mjs';
import { playRoom } from '../support/played-room.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { Server } from '../support/server.mjs';
import { until } from '../support/until.mjs';

const FLOOD_PER_SECOND = 200;
const KEYS = 200;
/** More for rooms of many members, whose 99th percentiles are compared. */
const CROWD_KEYS = 1_000;
const KEY_EVERY_MS = 60;
const BURST = 2_000;
const MANY = 20_000;
const PATIENCE_MS = 120_000;
const FEW_MEMBERS = 50;
const MANY_MEMBERS = 5_000;

/** `crowd` measures the rooms of many members only. */
const only = process.argv[2];

const server = await Server.start();
const browser = await launch();
const table = [];

/** A person in a new room with a bot. */
async function roomOf(name) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const view = new RoomPage(page);
  await view.open(server.origin, name, 'Anna');
  return { page, view, bot: await Bot.join(server, name, 'bot') };
}

/** Waits until the newest row on the page is message `id`. */
function drawn(page, id) {
  return page.waitForFunction(
    (id) => [...document.querySelectorAll('[data-id]')].at(-1)?.dataset.id === String(id),
    id,
    { polling: 'raf', timeout: PATIENCE_MS },
  );
}

/** Measures the rows drawn in a second while messages arrive at full speed. */
async function rowsPerSecond() {
  const { page, bot } = await roomOf('rows');
  await bot.say('warm');
  await drawn(page, 1);
  const start = performance.now();
  for (let n = 0; n < BURST; n += 1) bot.send(`n ${n}`);
  await drawn(page, BURST + 1);
  const seconds = secondsSince(start);
  table.push(['rows drawn in a second, at full speed', Math.round(BURST / seconds)]);
  await page.close();
}

/** Types `keys` letters. Returns the delays from a key to the end of the frame with its letter, in ms,
 * sorted. */
async function typed(page, view, keys) {
  await page.evaluate(() => {
    window.delays = [];
    const field = document.querySelector('#composer');
    field.addEventListener('keydown', ({ timeStamp }) => {
      const channel = new MessageChannel();
      // A message posted in a frame arrives once the frame has been painted.
      channel.port1.onmessage = () => window.delays.push(performance.now() - timeStamp);
      requestAnimationFrame(() => channel.port2.postMessage(null));
    }, { capture: true });
  });
  await view.composer.focus();
  for (let key = 0; key < keys; key += 1) {
    await page.keyboard.type('x');
    await page.waitForTimeout(KEY_EVERY_MS);
  }
  const { length } = await view.composer.inputValue();
  if (length !== keys) throw new Error(`${length} of ${keys} letters arrived`);
  return (await page.evaluate(() => window.delays)).sort((a, b) => a - b);
}

const secondsSince = (start) => (performance.now() - start) / 1000;
const at = (delays, part) => delays[Math.floor((delays.length - 1) * part)];
const halfAndMost = (delays) => [0.5, 0.99].map((part) => at(delays, part).toFixed(0)).join(' / ');

async function inputDelay(perSecond) {
  const { page, view, bot } = await roomOf(`keys ${perSecond}`);
  await bot.say('warm');
  await drawn(page, 1);
  const chatter = perSecond ? bot.chatter(perSecond, (n) => `n ${n}`) : null;
  const start = performance.now();
  const delays = await typed(page, view, KEYS);
  const seconds = secondsSince(start);
  const said = chatter?.stop() ?? 0;
  await until('the last of the flood', () => bot.texts.length === said + 1, PATIENCE_MS);
  await drawn(page, said + 1);
  const what = `input delay in ms, p50 / p99, ${Math.round(said / seconds)} messages a second`;
  table.push([what, halfAndMost(delays)]);
  await page.close();
}

/** The same in a busy room of `members`, which this program simulates: a server with 5,000 receivers
 * would use the processors on which the page is measured. */
async function busyRoom(members) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const room = await playRoom(page, members);
  const view = new RoomPage(page);
  await view.open(server.origin, `busy ${members}`, 'Anna');
  await until('the members', async () => (await view.number()) === members, PATIENCE_MS);
  const start = performance.now();
  room.start();
  const delays = await typed(page, view, CROWD_KEYS);
  const { said, came } = room.stop();
  const seconds = secondsSince(start);
  const rates = `${Math.round(said / seconds)} messages, ${Math.round(came / seconds)} joins and as many leaves a second`;
  table.push([`input delay in ms, p50 / p99, ${members} members, ${rates}`, halfAndMost(delays)]);
  await page.close();
  return at(delays, 0.99);
}

async function crowd() {
  const most = [];
  for (const members of [FEW_MEMBERS, MANY_MEMBERS]) most.push(await busyRoom(members));
  table.push(['the p99 of the large room by that of the small one', (most[1] / most[0]).toFixed(2)]);
}

/** Measures the memory of the page after few and after many messages. */
async function memory() {
  const { page, bot } = await roomOf('memory');
  const say = async (first, last) => {
    for (let n = first; n <= last; n += 1) {
      bot.send(`n ${n}`);
      if (n % 500 === 0) await until(`${n}`, () => bot.texts.length >= n, PATIENCE_MS);
    }
    await drawn(page, last);
    const { nodes, megabytes } = await memoryOf(page);
    const elements = await page.evaluate(() => document.querySelectorAll('*').length);
    const what = `after ${last} messages: elements / DOM nodes / heap in MB`;
    table.push([what, `${elements} / ${nodes} / ${megabytes.toFixed(1)}`]);
  };
  await say(1, BURST);
  await say(BURST + 1, MANY);
  await page.close();
}

try {
  if (only !== 'crowd') {
    await rowsPerSecond();
    await inputDelay(0);
    await inputDelay(FLOOD_PER_SECOND);
  }
  await crowd();
  if (only !== 'crowd') await memory();
} finally {
  await browser.close();
  await server.remove();
}
const width = Math.max(...table.map(([what]) => what.length));
for (const [what, figure] of table) console.log(`${what.padEnd(width)}  ${figure}`);
process.exit(0);
