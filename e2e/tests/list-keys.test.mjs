// The message list by keyboard: one stop of Tab, arrow keys inside, Escape out of it.
import assert from 'node:assert/strict';
import { idsOf } from '../support/reading.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** Returns the id of the message with the focus, or the name of another part with the focus. */
const focus = (view) => view.page.evaluate(() => {
  const { dataset, id, classList } = document.activeElement;
  return dataset.id === undefined ? (id || [...classList].at(-1)) : Number(dataset.id);
});

story('arrow keys move by message, Home and End to the ends, Escape to the message box', async (world) => {
  const bot = await world.bot('arrows', 'bot');
  await bot.say(...numbered(1, 120));
  const view = await world.person('arrows', 'Anna');
  await view.shows('n 120');
  await view.atBottom();
  const { keyboard } = view.page;
  await view.log.focus();
  for (const id of [120, 119, 118]) {
    await keyboard.press('ArrowUp');
    assert.equal(await focus(view), id);
  }
  await keyboard.press('ArrowDown');
  assert.equal(await focus(view), 119);
  const row = view.log.locator('[data-id="119"]');
  assert.match(await row.getAttribute('aria-label'), /^bot, \d\d:\d\d: n 119$/);
  const outline = await row.evaluate((row) => getComputedStyle(row).outlineStyle);
  assert.notEqual(outline, 'none', 'the focus is visible');

  // One by one, through a page that has to load first, every row is in view.
  let at = 119;
  await until('message 59', async () => {
    await keyboard.press('ArrowUp');
    const now = await focus(view);
    assert.ok(now === at || now === at - 1, `${now} after ${at}`);
    at = now;
    return at === 59;
  });
  await view.atRest();
  const inView = await view.log.evaluate((log) => {
    const [view, row] = [log, document.activeElement].map((e) => e.getBoundingClientRect());
    return row.top >= view.top - 1 && row.bottom <= view.bottom + 1;
  });
  assert.ok(inView, 'the row is in view');

  await until('the beginning', async () => {
    await keyboard.press('Home');
    return (await view.beginning.count()) > 0 && (await idsOf(view))[0] === 1;
  });
  await keyboard.press('Home');
  assert.equal(await focus(view), 1);
  await keyboard.press('End');
  await view.atBottom();
  assert.equal(await focus(view), 120);
  await keyboard.press('Escape');
  assert.equal(await focus(view), 'composer');
});

story('new messages do not move a row that the arrow keys reached', async (world) => {
  const bot = await world.bot('fight', 'bot');
  await bot.say(...numbered(1, 50));
  const view = await world.person('fight', 'Anna');
  await view.shows('n 50');
  await view.log.focus();
  for (let step = 0; step < 45; step += 1) await view.page.keyboard.press('ArrowUp');
  await view.atRest();
  const row = await view.watchMiddleRow();
  await bot.say(...numbered(1, 20, 'late n'));
  await view.shows('late n 20');
  await row.assertStill();
  const id = await focus(view);
  await view.page.keyboard.press('ArrowDown');
  assert.equal(await focus(view), id + 1);
});

story('Tab stops once at the list, and the links of a row follow the row', async (world) => {
  const bot = await world.bot('tab', 'bot');
  await bot.say('see https://example.org/one', 'see https://example.org/two', 'no link');
  const view = await world.person('tab', 'Anna');
  await view.shows('no link');
  await view.atBottom();
  const { keyboard } = view.page;
  await view.log.focus();
  await keyboard.press('Tab');
  const isInside = () => view.log.evaluate((log) => log.contains(document.activeElement));
  assert.equal(await isInside(), false, 'Tab goes on after the list');
  await keyboard.press('Shift+Tab');
  assert.equal(await focus(view), 'log', 'Shift+Tab goes back to the list');
  await keyboard.press('ArrowUp');
  await keyboard.press('ArrowUp');
  assert.equal(await focus(view), 2);
  await keyboard.press('Tab');
  const href = await view.page.evaluate(() => document.activeElement.href);
  assert.equal(href, 'https://example.org/two');
  await keyboard.press('ArrowUp');
  assert.equal(await focus(view), 1);
  await keyboard.press('Escape');
  assert.equal(await focus(view), 'composer');
});

story('pulling down at the top of the list does not reload the page', async (world) => {
  const view = await world.person('pull', 'Anna');
  const behaviour = await view.log.evaluate((log) => getComputedStyle(log).overscrollBehaviorY);
  assert.equal(behaviour, 'contain');
});
