// Reading the history: older pages, a view that does not jump, a bottom that follows.
import assert from 'node:assert/strict';
import { EYE_PX } from '../support/sizes.mjs';
import { mixedHeight, mixedHeights } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

const UP = -3_000;

const numberOf = (text) => Number(/^n (\d+)/.exec(text)[1]);

/** Returns the numbers on the page. Fails if one is repeated, missing or out of order. */
async function consecutive(view) {
  const numbers = (await view.texts()).map(numberOf);
  numbers.forEach((number, index) => {
    if (index > 0) assert.equal(number, numbers[index - 1] + 1, `after ${numbers[index - 1]}`);
  });
  return numbers;
}

story('reading up to the beginning while a bot sends moves no row under the eye', {
  ms: 120_000,
}, async (world) => {
  // With the messages that follow, fewer than the page holds.
  const OLD = 160;
  const bot = await world.bot('back', 'bot');
  await bot.say(...mixedHeights(1, OLD));
  const gate = await world.gate();
  const { view, frames } = await world.watched('back', 'Anna', { at: gate });
  await view.shows(mixedHeight(OLD));
  await view.atBottom();
  const chatter = bot.chatter(5, (index) => mixedHeight(OLD + 1 + index));

  const drifts = [];
  while ((await view.beginning.count()) === 0) {
    // The answer waits until a row is watched.
    gate.hold('down');
    await view.wheel(UP);
    const row = await view.watchMiddleRow();
    const [oldest] = await consecutive(view);
    gate.release();
    await until(
      () => `an older page above ${oldest}; requested are ${frames.pageRequests}`,
      async () => (await consecutive(view))[0] < oldest || (await view.beginning.count()) > 0,
    );
    const { id, drift } = await row.stop();
    drifts.push({ oldest, id, drift });
  }
  assert.ok(drifts.length >= 3, `only ${drifts.length} older pages`);
  const moved = drifts.filter(({ drift }) => !(drift <= EYE_PX));
  assert.deepEqual(moved, [], 'rows that moved under the eye');

  await view.wheel(UP);
  await view.beginning.waitFor();
  const asked = frames.pageRequests.length;
  const sent = bot.texts.length;
  await view.wheel(UP);
  await view.wheel(200);
  await view.wheel(UP);
  await until('five more messages', () => bot.texts.length >= sent + 5);
  assert.equal(frames.pageRequests.length, asked, 'at the beginning no page is requested');

  const last = OLD + chatter.stop();
  await bot.receives(mixedHeight(last));
  await view.jump.click();
  await view.shows(mixedHeight(last));
  await view.atBottom();
  const numbers = await consecutive(view);
  assert.equal(numbers.at(-1), last);
  assert.equal(numbers[0], 1);
  assert.equal(await view.gap.count(), 0);
  assert.equal(await view.beginning.count(), 1);
  const ids = (await view.messages()).map((row) => row.id);
  assert.deepEqual(ids, numbers, 'ids are the numbers');
});

story('PageUp leads to the beginning', async (world) => {
  const bot = await world.bot('keys', 'bot');
  await bot.say(...mixedHeights(1, 120));
  const view = await world.person('keys', 'Anna');
  await view.shows(mixedHeight(120));
  await view.log.focus();
  await until('the beginning', async () => {
    await view.page.keyboard.press('PageUp');
    return (await view.beginning.count()) > 0 && (await view.beginning.isVisible());
  });
  const numbers = await consecutive(view);
  assert.deepEqual([numbers[0], numbers.at(-1)], [1, 120]);
});

story('histories of whole pages, and of one message more, end with the beginning', async (world) => {
  for (const count of [1, 49, 50, 51, 100, 101]) {
    const bot = await world.bot(`room ${count}`, 'bot');
    await bot.say(...mixedHeights(1, count));
    const { view } = await world.watched(`room ${count}`, 'Anna');
    await view.shows(mixedHeight(count));
    await until('the beginning', async () => {
      await view.wheel(UP);
      return (await view.beginning.count()) > 0;
    });
    const numbers = await consecutive(view);
    assert.deepEqual([numbers[0], numbers.length], [1, count]);
    await view.page.close();
  }
});

story('scrolled up, new messages do not move the view, and the button to the latest counts them', async (world) => {
  const bot = await world.bot('pill', 'bot');
  await bot.say(...mixedHeights(1, 50));
  const view = await world.person('pill', 'Anna');
  await view.shows(mixedHeight(50));
  await view.atBottom();
  assert.equal(await view.jump.isVisible(), false);
  await view.wheel(-400);
  const before = await view.fromBottom();
  assert.ok(before > 200, `scrolled up by ${before} px`);
  const row = await view.watchMiddleRow();
  await bot.say(...mixedHeights(51, 70));
  await view.jumpCounts(20);
  await row.assertStill();

  await view.jump.click();
  await view.atBottom();
  await view.jump.waitFor({ state: 'hidden' });
  await view.shows(mixedHeight(70));
});

story('at the bottom the list follows new messages, own ones and others', async (world) => {
  const bot = await world.bot('follow', 'bot');
  await bot.say(...mixedHeights(1, 50));
  const view = await world.person('follow', 'Anna');
  await view.shows(mixedHeight(50));
  for (const number of [51, 52, 53]) {
    await bot.say(mixedHeight(number));
    await view.shows(mixedHeight(number));
    await view.atBottom();
  }
  await view.page.setViewportSize({ width: 700, height: 500 });
  await view.atBottom();
  await view.wheel(-400);
  await view.say('n 54');
  await view.shows('n 54');
  await view.atBottom();
  await view.wheel(-400);
  await view.log.press('End');
  await view.atBottom();
  await view.jump.waitFor({ state: 'hidden' });
});

story('a narrower window keeps the row that is read', async (world) => {
  const bot = await world.bot('narrow', 'bot');
  const long = 'a sentence that takes more lines where there is less room for it '.repeat(4);
  await bot.say(...Array.from({ length: 50 }, (_, index) => `n ${index + 1} ${long}`));
  const view = await world.person('narrow', 'Anna');
  await until('the last row', async () => (await view.messages()).length === 50);
  await view.atBottom();
  await view.wheel(-1_500);
  const top = () => view.log.evaluate((log) => {
    const edge = log.getBoundingClientRect().top;
    const rows = [...log.querySelectorAll('[data-row="message"]')];
    return rows.find((row) => row.getBoundingClientRect().bottom > edge + 1).dataset.id;
  });
  const before = Number(await top());
  await view.page.setViewportSize({ width: 420, height: 800 });
  await view.atRest();
  const after = Number(await top());
  assert.ok(Math.abs(after - before) <= 1, `row ${before} was at the top, then row ${after}`);
});

story('rows keep the nickname of their time after the author has left', async (world) => {
  const bot = await world.bot('authors', 'first');
  await bot.say('as first');
  bot.send('@changename:second');
  await bot.receivesFrame('changename', 'second');
  await bot.say('as second');
  await bot.leave();
  const view = await world.person('authors', 'Anna');
  await view.showsExactly('as first', 'as second');
  const rows = await view.messages();
  assert.deepEqual(rows.map(({ author, text }) => [author, text]), [
    ['first', 'as first'],
    ['second', 'as second'],
  ]);
});

story('where retention removed the oldest messages, the list says that they are no longer available', {
  settings: ['--history-messages', '60'],
}, async (world) => {
  const bot = await world.bot('short', 'bot');
  await bot.say(...mixedHeights(1, 130));
  const view = await world.person('short', 'Anna');
  await view.shows(mixedHeight(130));
  await until('the oldest that is kept', async () => {
    await view.wheel(UP);
    return (await view.row('gone').count()) > 0;
  });
  const numbers = await consecutive(view);
  assert.deepEqual([numbers[0], numbers.at(-1)], [71, 130]);
  assert.equal(await view.beginning.count(), 0, 'message 1 is not the start');
  assert.equal(await view.row('gone').textContent(), words.older_gone);
});
