// The message box: which keys send, sizes of messages, and drafts.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** The default limit of a message, in bytes of UTF-8. */
const FRAME_BYTES_MAX = 64 * 1024;

story('Enter sends, Shift+Enter starts a new line', async (world) => {
  const bot = await world.bot('keys', 'bot');
  const anna = await world.person('keys', 'Anna');
  await anna.composer.focus();
  await anna.page.keyboard.type('one');
  await anna.page.keyboard.press('Shift+Enter');
  await anna.page.keyboard.type('two');
  assert.equal(await anna.composer.inputValue(), 'one\ntwo');
  assert.deepEqual(bot.texts, []);
  await anna.page.keyboard.press('Enter');
  await bot.receives('one\ntwo');
  await anna.shows('one\ntwo');
  assert.equal(await anna.composer.inputValue(), '');
  await anna.say('single');
  await anna.shows('single');
  const height = async (text) => {
    return (await anna.message(text).locator('.text').boundingBox()).height;
  };
  assert.ok((await height('one')) > (await height('single')) * 1.5, 'two lines are higher than one');
});

story('the button sends and returns the focus to the message box', async (world) => {
  const bot = await world.bot('button', 'bot');
  const anna = await world.person('button', 'Anna');
  await anna.type('pressed');
  await anna.sendButton.click();
  await bot.receives('pressed');
  await anna.page.keyboard.type('and on');
  assert.equal(await anna.composer.inputValue(), 'and on');
  assert.deepEqual(bot.texts, ['pressed']);
});

story('white space alone is not sent and stays in the message box', async (world) => {
  const bot = await world.bot('blank', 'bot');
  const anna = await world.person('blank', 'Anna');
  for (const blank of ['', '   ', '\n\n', ' \t\n ', '\u3000']) {
    await anna.say(blank);
    assert.equal(await anna.composer.inputValue(), blank);
  }
  await anna.say('something');
  await bot.receives('something');
  assert.deepEqual(bot.texts, ['something']);
  await anna.showsExactly('something');
});

story('a pasted text keeps its lines, is folded and does not widen the page', async (world) => {
  const bot = await world.bot('paste', 'bot');
  const anna = await world.person('paste', 'Anna');
  const lines = Array.from({ length: 200 }, (_, line) => `${line}: ${'x'.repeat(line)}`);
  await anna.say(lines.join('\n'));
  await bot.receives(lines.join('\n'));
  await anna.shows(lines.join('\n'));
  const overflow = () => anna.page.evaluate(() => {
    const log = document.querySelector('.log');
    const wider = (part) => part.scrollWidth - part.clientWidth;
    return [wider(document.documentElement), wider(log)];
  });
  assert.deepEqual(await overflow(), [0, 0]);
  // The text is folded, and can be expanded and folded again.
  const text = anna.message('199: ').locator('.text');
  const fold = anna.message('199: ').locator('.fold');
  const height = async () => (await text.boundingBox()).height;
  const folded = await height();
  assert.ok(folded < 500, `folded it is ${folded} px high`);
  assert.equal(await fold.textContent(), words.show_more);
  await fold.click();
  await until('all lines', async () => (await height()) > 4_000);
  assert.deepEqual(await overflow(), [0, 0]);
  assert.equal(await fold.textContent(), words.show_less);
  await fold.click();
  await until('the text to be folded again', async () => (await height()) === folded);
});

story('pasting from the clipboard keeps the lines in the message box', async (world) => {
  const anna = await world.person('paste', 'Anna', {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const lines = numbered(1, 200, 'line').join('\n');
  await anna.page.evaluate((lines) => navigator.clipboard.writeText(lines), lines);
  await anna.composer.focus();
  await anna.page.keyboard.press('ControlOrMeta+V');
  assert.equal(await anna.composer.inputValue(), lines);
});

story('a message of the largest size is sent, a larger one stays in the message box', async (world) => {
  const bot = await world.bot('limit', 'bot');
  const anna = await world.person('limit', 'Anna');
  const fits = '😀'.repeat(FRAME_BYTES_MAX / 4);
  await anna.say(fits);
  await bot.receives(fits);
  const tooMuch = `${fits}!`;
  await anna.say(tooMuch);
  assert.equal(await anna.composer.inputValue(), tooMuch);
  await anna.say('small');
  await bot.receives('small');
  assert.deepEqual(bot.texts, [fits, 'small']);
  assert.equal(bot.of('leave').length, 0, 'the connection stayed');
});

story('a text too large for this server returns to the message box with the reason and is sent once', {
  settings: ['--frame-bytes-max', '2000'],
}, async (world) => {
  const bot = await world.bot('less', 'bot');
  const { view: anna, frames } = await world.watched('less', 'Anna');
  const fits = 'x'.repeat(2000);
  await anna.say(fits);
  await bot.receives(fits);
  // The server closes the connection while the second text is still on its way.
  for (const tooLarge of [`${fits}!`, '汉'.repeat(FRAME_BYTES_MAX / 3)]) {
    await anna.say(tooLarge);
    await anna.error.waitFor();
    assert.equal(await anna.error.textContent(), words.error_too_large);
    assert.equal(await anna.composer.inputValue(), tooLarge);
    await anna.showsExactly(...bot.texts);
    await anna.connected();
    assert.ok(await anna.error.isVisible(), 'the reason stays after the reconnect');
    const after = `after ${tooLarge.length}`;
    await anna.say(after);
    await bot.receives(after);
    await anna.shows(after);
    await anna.error.waitFor({ state: 'detached' });
    assert.equal(frames.sentTexts.filter((text) => text === tooLarge).length, 1, 'it was sent once');
  }
  assert.deepEqual(bot.texts, [fits, 'after 2001', `after ${Math.floor(FRAME_BYTES_MAX / 3)}`]);
  assert.equal(bot.of('leave').length, 0, 'other members see no leave');
});

story('near the limit the counter counts bytes as the server does, and above it Send is disabled', async (world) => {
  const bot = await world.bot('count', 'bot');
  const anna = await world.person('count', 'Anna');
  const counter = anna.page.locator('.counter');
  await anna.type('short');
  assert.equal(await counter.textContent(), '');
  const bytes = (text) => new TextEncoder().encode(text).length;
  for (const cluster of ['😀', '👨‍👩‍👧', '汉']) {
    const fits = cluster.repeat(Math.floor(FRAME_BYTES_MAX / bytes(cluster)));
    const left = FRAME_BYTES_MAX - bytes(fits);
    const full = fits + 'x'.repeat(left);
    await anna.type(full);
    assert.equal(await counter.textContent(), words.bytes_left(0), cluster);
    assert.equal(await anna.sendButton.isEnabled(), true, cluster);
    await anna.type(`${full}${cluster}`);
    const over = bytes(cluster);
    assert.equal(await counter.textContent(), words.bytes_over(over), cluster);
    assert.equal(await anna.sendButton.isDisabled(), true, cluster);
    await anna.composer.press('Enter');
    assert.equal(await anna.composer.inputValue(), `${full}${cluster}`, 'the text stays');
    // The server accepts what the counter accepts.
    await anna.say(full);
    await bot.receives(full);
  }
});

story('a draft survives a reload and a visit to another room', async (world) => {
  const anna = await world.person('draft', 'Anna');
  await anna.type('half\ntyped');
  await anna.reload();
  assert.equal(await anna.composer.inputValue(), 'half\ntyped');
  await anna.open(world.server.origin, 'other room');
  assert.equal(await anna.composer.inputValue(), '');
  await anna.open(world.server.origin, 'draft');
  assert.equal(await anna.composer.inputValue(), 'half\ntyped');
  await anna.composer.press('Enter');
  await anna.shows('half\ntyped');
  await anna.reload();
  assert.equal(await anna.composer.inputValue(), '', 'a sent text is no draft');
});

story('a draft survives a crash of the tab', async (world) => {
  world.complaints.allow(/the page crashed/);
  const anna = await world.person('crash', 'Anna');
  await anna.type('half\ntyped');
  const { page } = anna;
  // A draft is stored at most twice in half a second.
  await until('the stored draft', () =>
    page.evaluate(() => Object.values(localStorage).includes('half\ntyped')));
  const crashed = page.waitForEvent('crash');
  const cdp = await page.context().newCDPSession(page);
  // The crash leaves no answer.
  cdp.send('Page.crash').catch(() => {});
  await crashed;
  await page.close();
  const again = new RoomPage(await world.tab(page.context(), 'Anna again'));
  await again.open(world.server.origin, 'crash');
  assert.equal(await again.composer.inputValue(), 'half\ntyped');
});

story('the message box grows up to a limit, and the list stays at its bottom', async (world) => {
  const bot = await world.bot('grow', 'bot');
  await bot.say(...numbered(0, 59, 'row'));
  const anna = await world.person('grow', 'Anna');
  await anna.shows('row 59');
  await anna.atBottom();
  const height = async () => (await anna.composer.boundingBox()).height;
  const heights = [await height()];
  for (const lines of [3, 40, 80]) {
    await anna.type(numbered(1, lines, 'line').join('\n'));
    await anna.atBottom();
    heights.push(await height());
  }
  assert.ok(heights[1] > heights[0] && heights[2] > heights[1], heights.join());
  assert.ok(heights[3] === heights[2] && heights[2] < 400, heights.join());
  const scrolls = await anna.composer.evaluate((box) => {
    const end = box.scrollHeight - box.clientHeight;
    box.scrollTop = end;
    return [end > 0, box.scrollTop];
  });
  assert.ok(scrolls[0] && scrolls[1] > 0, 'a higher text scrolls');
  await anna.type('');
  await anna.atBottom();
  assert.equal(await height(), heights[0]);
});
