// Texts that cost as much as possible to draw: the page keeps responding.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** The default limit of a message, in bytes of UTF-8. */
const FRAME_BYTES_MAX = 64 * 1024;
/**
 * The longest time from one frame to the next, in milliseconds. It separates linear work, which takes
 * some 100 ms, from quadratic work, which takes a minute.
 */
const FRAME_MS_MAX = 5_000;
/** The most links in one message. */
const LINKS_MAX = 100;

/** Each kind: its beginning, and the part that fills the rest of the message. */
const KINDS = {
  'closing brackets': ['https://x', ')'],
  'square brackets': ['https://x', ']'],
  'opening brackets': ['https://x', '('],
  'nested brackets': ['https://x', '(['],
  'schemes without a host': ['', 'http://)'],
  'schemes in a row': ['', 'http://'],
  'halves of schemes': ['', 'https:/'],
  'one long address': ['https://x.org/', 'a'],
  'many links': ['', 'http://a.b '],
  'links in Chinese': ['看', 'https://example.org/a很好'],
  'trailing punctuation': ['https://x.org/a', '.'],
  'percent signs': ['https://x.org/', '%2F'],
  'at signs': ['', '@'],
  'mentions': ['', '@a'],
  'mentions of the reader': ['', '@Anna@Anna'],
  'full-width mentions': ['', '＠小明'],
  'combining marks': ['a', '\u0301'],
  'joined emoji': ['👨', '\u200d👩'],
  'variation selectors': ['❤', '\ufe0f'],
  'flags': ['', '🇨🇳'],
  'tags of flags': ['🏴', '\u{e0067}'],
  'skin tones': ['👍', '🏽'],
  'right-to-left overrides': ['a', '\u202ea'],
  'isolates': ['a', '\u2067'],
  'invisible characters': ['a', '\ufff0'],
  'zero-width spaces': ['a', '\u200b'],
  'nested quotes': ['', '“‘'],
  'line breaks': ['a', '\n'],
  'short lines': ['', 'a\n'],
  'one long word': ['', 'W'],
  'soft hyphens': ['', 'a\u00ad'],
  'one long Chinese word': ['', '汉'],
  'Arabic and Latin': ['', 'سa'],
};

/** Returns a message of one kind and of the largest size. */
function textOf(kind) {
  const [once, again] = KINDS[kind];
  const bytes = (text) => Buffer.byteLength(text);
  const count = Math.floor((FRAME_BYTES_MAX - bytes(once)) / bytes(again));
  return once + again.repeat(count);
}

/** Watches frames. `await gap()` returns the longest time between two since the last call. */
async function frameWatch(page) {
  const watch = await page.evaluateHandle(() => {
    const watch = { last: performance.now(), gap: 0 };
    const look = (now) => {
      watch.gap = Math.max(watch.gap, now - watch.last);
      watch.last = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    return watch;
  });
  return () => watch.evaluate((watch) => {
    const gap = Math.max(watch.gap, performance.now() - watch.last);
    watch.gap = 0;
    return gap;
  });
}

/** Waits until the last message is `text`. */
function endsWith(view, text) {
  return until(`the last message to be ${text}`, () => view.log.evaluate((log, text) =>
    [...log.querySelectorAll('.text')].at(-1)?.textContent === text, text), 60_000);
}

/** Types a character and waits for the frame after it. */
async function answers(view, expected) {
  await view.page.keyboard.type('x');
  await view.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  assert.equal(await view.composer.inputValue(), expected);
}

story('a page responds while texts of each kind and the largest size arrive', { ms: 300_000 }, async (world) => {
  const bot = await world.bot('hostile', 'Anna A');
  const view = await world.person('hostile', 'Anna');
  await view.composer.focus();
  const gap = await frameWatch(view.page);
  let typed = '';
  for (const kind of Object.keys(KINDS)) {
    await bot.say(textOf(kind), `after ${kind}`);
    await endsWith(view, `after ${kind}`);
    typed += 'x';
    await answers(view, typed);
    const longest = await gap();
    world.t.diagnostic(`${kind}: ${Math.round(longest)} ms`);
    assert.ok(longest < FRAME_MS_MAX, `${kind}: ${longest} ms without a frame`);
  }
  const links = await view.row('message').evaluateAll((rows) =>
    rows.map((row) => row.querySelectorAll('a').length));
  assert.equal(Math.max(...links), LINKS_MAX);
  const sheet = await view.log.evaluate((log) => [log.scrollWidth - log.clientWidth, log.scrollHeight]);
  assert.equal(sheet[0], 0, 'no row is wider than the list');
  assert.ok(sheet[1] < Object.keys(KINDS).length * 1_000, `folded, the rows are ${sheet[1]} px high`);
});

story('a page that opens a room of such texts responds, and shows each in full', { ms: 300_000 }, async (world) => {
  const bot = await world.bot('hostile', 'bot');
  for (const kind of Object.keys(KINDS)) await bot.say(textOf(kind));
  await bot.say('after all');
  const view = await world.person('hostile', 'Anna');
  const gap = await frameWatch(view.page);
  await endsWith(view, 'after all');
  await view.composer.focus();
  await answers(view, 'x');
  await view.page.locator('.language').click();
  await endsWith(view, 'after all');
  const longest = await gap();
  assert.ok(longest < FRAME_MS_MAX, `${longest} ms without a frame`);
  // Each text in full has the same bound.
  for (const [index, kind] of Object.keys(KINDS).entries()) {
    const took = await view.row('message').nth(index).evaluate(async (row) => {
      const start = performance.now();
      row.querySelector('.fold').click();
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      row.getBoundingClientRect();
      const took = performance.now() - start;
      row.querySelector('.fold').click();
      return took;
    });
    world.t.diagnostic(`${kind}, in full: ${Math.round(took)} ms`);
    assert.ok(took < FRAME_MS_MAX, `${kind}, in full: ${took} ms`);
  }
  const lines = view.row('message').nth(Object.keys(KINDS).indexOf('short lines'));
  const height = async () => (await lines.locator('.text').boundingBox()).height;
  const folded = await height();
  await lines.locator('.fold').click();
  await until('all of its lines', async () => (await height()) > 100_000);
  await lines.locator('.fold').click();
  await until('the text to be folded again', async () => (await height()) === folded);
});

story('a share link in any sentence leads to its room', async (world) => {
  const bot = await world.bot('links', 'bot');
  const view = await world.person('links', 'Anna');
  let sent = 0;
  for (const room of ['v1.', 'a_', '~', '聊天室', 'a b!', 'x.y..', "it's", '(a)']) {
    const page = await world.person(room, 'Anna');
    await page.use(page.share);
    const link = await page.page.locator('#share-link').inputValue();
    await bot.say(`看${link}很好`, `Come to ${link}.`, `(${link})`);
    const links = view.row('message').locator('a');
    sent += 3;
    await until(`the links to ${room}`, async () => (await links.count()) === sent);
    const hrefs = await links.evaluateAll((all) => all.slice(-3).map((link) => link.href));
    for (const href of hrefs) {
      assert.equal(decodeURIComponent(new URL(href).pathname), `/room/${room}`);
    }
  }
});
