// Whoever sends too much at once: the real server refuses, and nothing is lost by it.
import assert from 'node:assert/strict';
import { idsOf, readUp } from '../support/reading.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { Frames } from '../support/watch.mjs';
import { story } from '../support/world.mjs';

/** A burst of 960 bytes: after a text of 1,000, one of some hundred has to wait some seconds. */
const SETTINGS = ['--no-limits=false', '--bytes-per-second', '60'];
/** A burst of 160 bytes: after a text of 200, the longest name has to wait 15 seconds. */
const FEW_NAMES = ['--no-limits=false', '--bytes-per-second', '10'];
/** A burst of 6,400 bytes: after a page of 50 messages, the next has to wait some seconds. */
const FEW_PAGES = ['--no-limits=false', '--page-bytes-per-second', '400'];
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };

for (const [locale, viewport, words] of [
  ['en-US', WIDE, /^You’re sending too fast\. Try again in [1-9] s\.$/],
  ['zh-CN', NARROW, /^发送太快，请 [1-9] 秒后再试。$/],
]) {
  story(`rate-limited texts return to the message box in order, ${locale}`, {
    settings: SETTINGS,
  }, async (world) => {
    const gate = await world.gate();
    const bot = await world.bot('rate', 'bot');
    const page = await world.tab(await world.context({ locale, viewport }), 'Anna');
    const frames = await Frames.of(page);
    const anna = new RoomPage(page);
    await anna.open(gate.origin, 'rate', 'Anna');
    const large = 'x'.repeat(1000);
    const second = `second ${'y'.repeat(400)}`;
    // Several are on their way, and one is half typed, when the server says stop.
    gate.hold('down');
    for (const text of [large, second, 'third']) await anna.say(text);
    await anna.type('half typed');
    gate.release();
    await anna.error.waitFor();
    assert.match(await anna.error.textContent(), words);
    const back = `${second}\nthird\nhalf typed`;
    assert.equal(await anna.composer.inputValue(), back);
    assert.deepEqual(await anna.texts(), [large], 'they are in the field and nowhere else');
    // Nobody sends into the wait, which would only make it longer.
    assert.ok(await anna.sendButton.isDisabled());
    await anna.composer.press('Enter');
    assert.equal(await anna.composer.inputValue(), back);
    assert.deepEqual(frames.said, [large, second]);
    await bot.say('meanwhile');
    await anna.shows('meanwhile');
    assert.equal((await page.getByRole('status').allTextContents()).join().match(/\d/g)?.length, 2,
      'the seconds are counted for the eye, and said once');

    await anna.reload();
    assert.equal(await anna.composer.inputValue(), back, 'nor does a reload lose anything');
    await until('it to be said', async () => {
      if (await anna.sendButton.isEnabled()) await anna.composer.press('Enter');
      return bot.texts.includes(back);
    }, 20_000);
    await anna.shows(back);
    await until('the reason to be gone', async () => (await anna.error.count()) === 0);
    assert.equal(await anna.composer.inputValue(), '');
    assert.deepEqual(bot.texts, [large, 'meanwhile', back]);
  });
}

story('the notice of the rate limit ends with the wait', {
  settings: SETTINGS,
}, async (world) => {
  const bot = await world.bot('wait', 'bot');
  const anna = await world.person('wait', 'Anna');
  await anna.say('x'.repeat(1000));
  await anna.say(`again ${'y'.repeat(200)}`);
  await anna.error.waitFor();
  assert.ok(await anna.sendButton.isDisabled());
  await until('the words to go', async () => (await anna.error.count()) === 0);
  assert.ok(await anna.sendButton.isEnabled());
  await anna.sendButton.click();
  await bot.hears(`again ${'y'.repeat(200)}`);
  assert.equal(bot.texts.length, 2);
});

story('a rate-limited nickname returns to its field and is not sent during the wait', {
  settings: FEW_NAMES,
}, async (world) => {
  const bot = await world.bot('name', 'bot');
  const page = await world.tab(await world.context(), 'Anna');
  const frames = await Frames.of(page);
  const anna = new RoomPage(page);
  await anna.open(world.server.origin, 'name', 'Anna');
  await anna.say('x'.repeat(200));
  const [asked, other] = ['安娜', '小明'].map((name) => name.repeat(16));
  await anna.renameTo(asked);
  await anna.error.waitFor();
  assert.equal(await anna.renameInput.inputValue(), asked);
  // The keyboard is where it was, in the message box: nothing that is typed goes astray.
  await page.keyboard.type('half typed');
  assert.equal(await anna.composer.inputValue(), 'half typed');
  await anna.renameSave.click();
  assert.equal(await anna.renameInput.inputValue(), asked, 'it waits');
  assert.equal(frames.said.length, 2, 'nobody sends into the wait');
  await until('the wait to be over', async () => (await anna.error.count()) === 0, 30_000);
  await anna.renameSave.click();
  await bot.sees('changename', asked);
  await anna.showsPeople(asked, 'bot');
  await anna.renameInput.waitFor({ state: 'hidden' });
  await anna.openRename();
  assert.equal(await anna.renameInput.inputValue(), asked, 'a form is about the name of now');
  await anna.renameInput.press('Escape');
  // One that was typed as a command has no other place to come back to.
  await anna.say(`@changename:${other}`);
  await anna.run.click();
  await anna.error.waitFor();
  assert.equal(await anna.renameInput.inputValue(), other);
  assert.equal(await anna.composer.inputValue(), '');
  assert.equal(bot.of('changename').length, 1);
});

story('a rate-limited history page is requested again after its wait, and delays no text', {
  settings: FEW_PAGES,
}, async (world) => {
  const bot = await world.bot('pages', 'bot');
  await bot.say(...Array.from({ length: 130 }, (_, index) => `n ${index + 1} ${'x'.repeat(60)}`));
  const page = await world.tab(await world.context(), 'Anna');
  const frames = await Frames.of(page);
  const anna = new RoomPage(page);
  await anna.open(world.server.origin, 'pages', 'Anna');
  await until('the newest page', async () => (await idsOf(anna))[0] === 81);
  await readUp(anna);
  assert.equal((await idsOf(anna))[0], 31);
  await until('the refusal', async () => {
    await anna.log.evaluate((log) => log.scrollTo(0, 0));
    return frames.received.some((frame) => JSON.parse(frame).code === 'rate_limited');
  });
  assert.equal(await anna.row('older').textContent(), 'Loading older messages…');
  assert.equal(await anna.error.count(), 0);
  assert.ok(await anna.sendButton.isEnabled());
  await anna.say('meanwhile');
  await bot.hears('meanwhile');
  await anna.shows('meanwhile');
  assert.equal(await anna.row('older').textContent(), 'Loading older messages…');
  await until('the page', async () => (await idsOf(anna))[0] === 1, 30_000);
  await anna.beginning.waitFor();
  assert.equal(await anna.error.count(), 0);
  // Page 0 is what a silence is broken with, where the machine is slow.
  const asked = frames.asked.filter((page) => page !== '@history:0');
  assert.deepEqual(asked, ['@history:1', '@history:2', '@history:2']);
});
