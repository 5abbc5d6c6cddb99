// Times: of the server's clock, and after a change of the time zone.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

const HOUR_MS = 3_600_000;

/** A person whose clock is ahead of the true one. */
async function withClock(world, room, aheadMs, at = world.server) {
  const context = await world.context({ timezoneId: 'UTC' });
  const page = await world.tab(context, 'Anna');
  await page.addInitScript((aheadMs) => {
    const now = Date.now;
    Date.now = () => now() + aheadMs;
  }, aheadMs);
  const view = new RoomPage(page);
  await view.open(at.origin, room, 'Anna');
  return view;
}

/** Returns the time in the title of a row. */
const titleOf = (view, text) =>
  view.message(text).locator('time').getAttribute('title');

for (const [clock, aheadMs] of [['an hour ahead', HOUR_MS], ['an hour behind', -HOUR_MS],
  ['a day ahead', 24 * HOUR_MS], ['a day behind', -24 * HOUR_MS]]) {
  story(`a clock ${clock}: own rows have the server's time, and all are under one day`, async (world) => {
    const view = await withClock(world, 'clock', aheadMs);
    const other = await world.person('clock', 'Bert', { timezoneId: 'UTC' });
    const bot = await world.bot('clock', 'bot');
    await bot.say('first');
    await view.say('own');
    await view.shows('own');
    await bot.say('last');
    await view.shows('last');
    await other.shows('last');
    for (const text of ['first', 'own', 'last']) {
      assert.equal(await titleOf(view, text), await titleOf(other, text), text);
    }
    assert.deepEqual(await view.row('day').allTextContents(), [words.today]);
  });
}

story('a text typed offline shows the time at which it was stored', async (world) => {
  const { gate, view } = await world.behindGate('offline', 'Anna', { timezoneId: 'UTC', hasClock: true });
  const { page } = view;
  gate.shut();
  await view.disconnected();
  await view.say('typed offline');
  await view.newestIs('waiting');
  const typed = await titleOf(view, 'typed offline');
  // The page's clock goes on by two hours and the server's does not.
  await page.clock.setSystemTime(Date.now() + 2 * HOUR_MS);
  gate.reopen();
  await view.connected();
  await view.shows('typed offline');
  const other = await world.person('offline', 'Bert', { timezoneId: 'UTC' });
  await other.shows('typed offline');
  assert.equal(await titleOf(view, 'typed offline'), await titleOf(other, 'typed offline'));
  assert.match(typed, /UTC/);
});

story('a change of time zone changes the times and leaves caret, draft and focus', async (world) => {
  const context = await world.context();
  const page = await world.tab(context, 'Anna');
  const cdp = await context.newCDPSession(page);
  await cdp.send('Emulation.setTimezoneOverride', { timezoneId: 'UTC' });
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'zone', 'Anna');
  await view.say('hello');
  await view.shows('hello');
  await view.composer.pressSequentially('half a text');
  for (let n = 0; n < 4; n += 1) await page.keyboard.press('ArrowLeft');
  const box = await view.composer.elementHandle();
  await cdp.send('Emulation.setTimezoneOverride', { timezoneId: '' });
  await cdp.send('Emulation.setTimezoneOverride', { timezoneId: 'Asia/Shanghai' });
  await until(async () => `another zone; it is ${await titleOf(view, 'hello')}`,
    async () => (await titleOf(view, 'hello')).includes('UTC+08:00'));
  assert.deepEqual(
    await box.evaluate((box) => [box.isConnected, document.activeElement === box,
      box.value, box.selectionStart]),
    [true, true, 'half a text', 7],
  );
});

story('twelve rows of one author are followed by a new heading', async (world) => {
  const bot = await world.bot('headings', 'bot');
  await bot.say(...numbered(0, 29));
  const view = await world.person('headings', 'Anna');
  await view.shows('n 29');
  const heads = await view.row('message').evaluateAll((rows) =>
    rows.flatMap((row, place) => (row.classList.contains('head') ? [place] : [])));
  assert.deepEqual(heads, [0, 12, 24]);
});
