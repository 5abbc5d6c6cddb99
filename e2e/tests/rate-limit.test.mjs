// Rate limits: the server refuses what is too much at once, and the page loses nothing.
import assert from 'node:assert/strict';
import { idsOf, readUp } from '../support/reading.mjs';
import { PHONE } from '../support/sizes.mjs';
import { until } from '../support/until.mjs';
import { words, wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** A burst of 960 bytes: after a text of 1,000, one of some hundred has to wait some seconds. */
const SETTINGS = ['--no-limits=false', '--bytes-per-second', '60'];
/** A burst of 160 bytes: after a text of 200, the longest name has to wait 15 seconds. */
const FEW_NAMES = ['--no-limits=false', '--bytes-per-second', '10'];
/** A burst of 6,400 bytes: after a page of 50 messages, the next has to wait some seconds. */
const FEW_PAGES = ['--no-limits=false', '--page-bytes-per-second', '400'];
const WIDE = { width: 1280, height: 800 };

for (const [locale, viewport] of [['en-US', WIDE], ['zh-CN', PHONE.viewport]]) {
  const notice = new RegExp(`^${wordsOf(locale).error_rate_for('[1-9]').replaceAll('.', '\\.')}$`);
  story(`rate-limited texts return to the message box in order, ${locale}`, {
    settings: SETTINGS,
  }, async (world) => {
    const gate = await world.gate();
    const bot = await world.bot('rate', 'bot');
    const { view: anna, frames } = await world.watched('rate', 'Anna', { at: gate, locale, viewport });
    const large = 'x'.repeat(1000);
    const second = `second ${'y'.repeat(400)}`;
    // The server refuses while several texts are on their way and one is half typed.
    gate.hold('down');
    for (const text of [large, second, 'third']) await anna.say(text);
    await anna.type('half typed');
    gate.release();
    await anna.error.waitFor();
    assert.match(await anna.error.textContent(), notice);
    const back = `${second}\nthird\nhalf typed`;
    assert.equal(await anna.composer.inputValue(), back);
    assert.deepEqual(await anna.texts(), [large], 'the refused texts have no rows');
    // A text sent during the wait would make it longer.
    assert.ok(await anna.sendButton.isDisabled());
    await anna.composer.press('Enter');
    assert.equal(await anna.composer.inputValue(), back);
    assert.deepEqual(frames.sentTexts, [large, second]);
    await bot.say('meanwhile');
    await anna.shows('meanwhile');
    assert.equal((await anna.page.getByRole('status').allTextContents()).join().match(/\d/g)?.length, 2,
      'the seconds are counted on the screen and announced once');

    await anna.reload();
    assert.equal(await anna.composer.inputValue(), back, 'a reload keeps the texts');
    await until('the text at the other member', async () => {
      if (await anna.sendButton.isEnabled()) await anna.composer.press('Enter');
      return bot.texts.includes(back);
    }, 20_000);
    await anna.shows(back);
    await anna.error.waitFor({ state: 'detached' });
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
  await anna.error.waitFor({ state: 'detached' });
  assert.ok(await anna.sendButton.isEnabled());
  await anna.sendButton.click();
  await bot.receives(`again ${'y'.repeat(200)}`);
  assert.equal(bot.texts.length, 2);
});

story('a rate-limited nickname returns to its field and is not sent during the wait', {
  settings: FEW_NAMES,
}, async (world) => {
  const bot = await world.bot('name', 'bot');
  const { view: anna, frames } = await world.watched('name', 'Anna');
  await anna.say('x'.repeat(200));
  const [asked, other] = ['安娜', '小明'].map((name) => name.repeat(16));
  await anna.renameTo(asked);
  await anna.error.waitFor();
  assert.equal(await anna.renameInput.inputValue(), asked);
  // The message box keeps the focus.
  await anna.page.keyboard.type('half typed');
  assert.equal(await anna.composer.inputValue(), 'half typed');
  await anna.renameSave.click();
  assert.equal(await anna.renameInput.inputValue(), asked, 'the nickname waits');
  assert.equal(frames.sentTexts.length, 2, 'nothing is sent during the wait');
  await anna.error.waitFor({ state: 'detached', timeout: 30_000 });
  await anna.renameSave.click();
  await bot.receivesFrame('changename', asked);
  await anna.showsMembers(asked, 'bot');
  await anna.renameInput.waitFor({ state: 'hidden' });
  await anna.openRename();
  assert.equal(await anna.renameInput.inputValue(), asked, 'the form has the current nickname');
  await anna.renameInput.press('Escape');
  // A nickname typed as a command returns to the form as well.
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
  const { view: anna, frames } = await world.watched('pages', 'Anna');
  await until('the newest page', async () => (await idsOf(anna))[0] === 81);
  await readUp(anna);
  await until('the next page', async () => (await idsOf(anna))[0] === 31);
  await until('the refusal', async () => {
    await anna.toTop();
    return frames.received.some((frame) => JSON.parse(frame).code === 'rate_limited');
  });
  assert.equal(await anna.row('older').textContent(), words.loading_older);
  assert.equal(await anna.error.count(), 0);
  assert.ok(await anna.sendButton.isEnabled());
  await anna.say('meanwhile');
  await bot.receives('meanwhile');
  await anna.shows('meanwhile');
  assert.equal(await anna.row('older').textContent(), words.loading_older);
  await until('the page', async () => (await idsOf(anna))[0] === 1, 30_000);
  await anna.beginning.waitFor();
  assert.equal(await anna.error.count(), 0);
  // On a slow machine the page asks for page 0 to break a silence.
  const asked = frames.pageRequests.filter((page) => page !== '@history:0');
  assert.deepEqual(asked, ['@history:1', '@history:2', '@history:2']);
});
