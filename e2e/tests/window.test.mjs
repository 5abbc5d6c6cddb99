// A list that holds a part of the room's messages: it stays small, and every message can be read.
import assert from 'node:assert/strict';
import { memoryOf } from '../support/memory.mjs';
import { idsOf, readDown, readUp } from '../support/reading.mjs';
import { EYE_PX } from '../support/sizes.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** The most messages on the page, and the fewest that find in page must reach. */
const HELD_MAX = 400;
const SEARCHED_MIN = 100;

/** Sends texts of one line: new rows are exactly as high as dropped ones. */
async function flood(bot, count, first = 1) {
  const AT_ONCE = 500;
  for (let from = first; from < first + count; from += AT_ONCE) {
    await bot.say(...numbered(from, Math.min(from + AT_ONCE, first + count) - 1));
  }
}

/** The largest change of nodes and heap between 2,000 and 20,000 messages, as a part. */
const CHANGE_MAX = 0.2;

const isFlat = (before, after) => Math.abs(after / before - 1) <= CHANGE_MAX;

story('after 20,000 messages the page holds as many nodes and bytes as after 2,000', {
  ms: 240_000,
}, async (world) => {
  const bot = await world.bot('flood', 'bot');
  const view = await world.person('flood', 'Anna');
  const at = async (count) => {
    await until(`message ${count}`, async () => (await idsOf(view)).at(-1) === count, 60_000);
    await view.atBottom();
    const memory = await memoryOf(view.page);
    world.t.diagnostic(`${count}: ${memory.nodes} nodes, ${memory.megabytes.toFixed(1)} MB`);
    return memory;
  };
  await flood(bot, 2_000);
  const early = await at(2_000);
  await flood(bot, 18_000, 2_001);
  const late = await at(20_000);
  assert.ok(isFlat(early.nodes, late.nodes), `${early.nodes} and ${late.nodes} nodes`);
  assert.ok(isFlat(early.megabytes, late.megabytes), `${late.megabytes} MB`);
  const ids = await idsOf(view);
  assert.ok(ids.length <= HELD_MAX && ids.length >= SEARCHED_MIN, `${ids.length} rows`);
  assert.equal(await view.jump.isVisible(), false);
});

story('scrolled up by 300 px, 100 new messages and dropped rows move nothing', async (world) => {
  const bot = await world.bot('still', 'bot');
  await flood(bot, 390);
  const view = await world.person('still', 'Anna');
  while ((await idsOf(view)).length < 390) await readUp(view);
  await view.log.press('End');
  await view.atBottom();
  await view.wheel(-300);
  const before = await idsOf(view);
  const row = await view.watchMiddleRow();
  await flood(bot, 100, 391);
  await view.jumpCounts(100);
  await row.assertStill();
  const after = await idsOf(view);
  assert.ok(after[0] > before[0], 'the oldest rows were dropped');
  assert.equal(after.at(-1), 490);
  await view.jump.click();
  await view.atBottom();
  await view.jump.waitFor({ state: 'hidden' });
});

story('10 pages up and down while a bot sends 5 a second: every message shows once', {
  ms: 180_000,
}, async (world) => {
  const OLD = 800;
  const bot = await world.bot('deep', 'bot');
  await flood(bot, OLD);
  const gate = await world.gate();
  const view = await world.person('deep', 'Anna', { at: gate });
  const chatter = bot.chatter(5, (index) => `n ${OLD + 1 + index}`);
  const seen = new Set(await idsOf(view));
  const moved = [];
  for (let page = 0; page < 10; page += 1) {
    // The answer waits until a row is watched.
    gate.hold('down');
    await view.toTop();
    await view.atRest();
    const [oldest] = await idsOf(view);
    const row = await view.watchMiddleRow();
    gate.release();
    await until(`older than ${oldest}`, async () => (await idsOf(view))[0] < oldest);
    const { id, drift } = await row.stop();
    if (!(drift <= EYE_PX)) moved.push({ oldest, id, drift });
    (await idsOf(view)).forEach((id) => seen.add(id));
  }
  assert.deepEqual(moved, [], 'rows that moved under the eye');
  assert.ok((await idsOf(view)).length <= HELD_MAX);
  await view.log.locator('[data-tail]').waitFor({ state: 'attached' });
  const top = (await idsOf(view))[0];

  const order = await idsOf(view);
  const last = OLD + chatter.stop();
  await bot.receives(`n ${last}`);
  while (order.at(-1) < last) {
    await readDown(view);
    const newest = order.at(-1);
    order.push(...(await idsOf(view)).filter((id) => id > newest));
  }
  assert.deepEqual(order, Array.from({ length: last - top + 1 }, (_, index) => top + index));
  for (let id = top; id <= OLD; id += 1) assert.ok(seen.has(id), `${id} was never shown`);
  await view.log.press('End');
  await view.atBottom();
  await view.jump.waitFor({ state: 'hidden' });
  const rows = await view.messages();
  rows.forEach(({ id, text }) => assert.equal(text, `n ${id}`));
});

story('far up, the button to the latest counts new messages and leads to them', async (world) => {
  const bot = await world.bot('jump', 'bot');
  await flood(bot, 700);
  const view = await world.person('jump', 'Anna');
  await view.atBottom();
  while ((await view.beginning.count()) === 0) await readUp(view);
  assert.ok((await idsOf(view)).at(-1) < 700, 'the newest rows were dropped');
  await bot.say(...numbered(701, 730));
  await view.jumpCounts(30);
  await view.jump.click();
  await view.shows('n 730');
  await view.atBottom();
  await view.jump.waitFor({ state: 'hidden' });
  await bot.say('n 731');
  await view.shows('n 731');
  await view.atBottom();
  await idsOf(view);

  // An own message leads to the newest as well.
  while ((await view.beginning.count()) === 0) await readUp(view);
  await until('a tail', async () => (await view.log.locator('[data-tail]').count()) > 0);
  await view.say('own message');
  await view.shows('own message');
  await view.atBottom();
  await view.jump.waitFor({ state: 'hidden' });
  assert.equal((await idsOf(view)).at(-1), 732);
});

story('5,000 missed messages: a gap counts them, and each can be read once', {
  ms: 240_000,
}, async (world) => {
  const MISSED = 5_000;
  const { gate, view } = await world.behindGate('missed', 'Anna');
  const bot = await world.bot('missed', 'bot');
  await bot.say('n 1');
  await view.shows('n 1');
  gate.shut();
  await view.disconnected();
  await flood(bot, MISSED, 2);
  gate.reopen();
  await view.connected();
  await view.shows(`n ${MISSED + 1}`);
  assert.equal(await view.gap.count(), 1);
  const seen = new Set();
  const look = async () => (await idsOf(view)).forEach((id) => seen.add(id));
  await look();
  while (seen.size <= MISSED) {
    const { size } = seen;
    await until(`more than ${size} seen`, async () => {
      // Upwards from the newest message.
      await view.log.evaluate((log) => {
        const gap = log.querySelector('[data-row="gap"]:not([data-tail])');
        gap?.nextElementSibling?.scrollIntoView({ block: 'start' });
      });
      await look();
      return seen.size > size;
    });
  }
  assert.equal(seen.size, MISSED + 1);
});
