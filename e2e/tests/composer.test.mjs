// The message box: what sends, what does not, and that nothing typed is lost.
import assert from 'node:assert/strict';
import { story } from '../support/world.mjs';

/** The limit of a message unless the server is set otherwise, in bytes of UTF-8. */
const FRAME_BYTES_MAX = 64 * 1024;

story('Enter sends, Shift+Enter breaks the line', async (world) => {
  const bot = await world.bot('keys', 'bot');
  const anna = await world.person('keys', 'Anna');
  await anna.composer.focus();
  await anna.page.keyboard.type('one');
  await anna.page.keyboard.press('Shift+Enter');
  await anna.page.keyboard.type('two');
  assert.equal(await anna.composer.inputValue(), 'one\ntwo');
  assert.deepEqual(bot.texts, []);
  await anna.page.keyboard.press('Enter');
  await bot.hears('one\ntwo');
  await anna.shows('one\ntwo');
  assert.equal(await anna.composer.inputValue(), '');
  await anna.say('single');
  await anna.shows('single');
  const height = async (text) => {
    return (await anna.message(text).getByTestId('text').boundingBox()).height;
  };
  assert.ok((await height('one')) > (await height('single')) * 1.5, 'two lines are seen as two');
});

story('the button sends, and the box has the keyboard again', async (world) => {
  const bot = await world.bot('button', 'bot');
  const anna = await world.person('button', 'Anna');
  await anna.type('pressed');
  await anna.sendButton.click();
  await bot.hears('pressed');
  await anna.page.keyboard.type('and on');
  assert.equal(await anna.composer.inputValue(), 'and on');
  assert.deepEqual(bot.texts, ['pressed']);
});

story('white space alone is not sent and stays in the box', async (world) => {
  const bot = await world.bot('blank', 'bot');
  const anna = await world.person('blank', 'Anna');
  for (const blank of ['', '   ', '\n\n', ' \t\n ', '\u3000']) {
    await anna.say(blank);
    assert.equal(await anna.composer.inputValue(), blank);
  }
  await anna.say('something');
  await bot.hears('something');
  assert.deepEqual(bot.texts, ['something']);
  assert.deepEqual(await anna.texts(), ['something']);
});

story('what is pasted keeps its lines and does not widen the page', async (world) => {
  const bot = await world.bot('paste', 'bot');
  const anna = await world.person('paste', 'Anna');
  const lines = Array.from({ length: 200 }, (_, line) => `${line}: ${'x'.repeat(line)}`);
  await anna.say(lines.join('\n'));
  await bot.hears(lines.join('\n'));
  await anna.shows(lines.join('\n'));
  const overflow = await anna.page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  assert.equal(overflow, 0);
});

story('a message as large as can be is sent, a larger one stays in the box', async (world) => {
  const bot = await world.bot('limit', 'bot');
  const anna = await world.person('limit', 'Anna');
  const fits = '😀'.repeat(FRAME_BYTES_MAX / 4);
  await anna.say(fits);
  await bot.hears(fits);
  const tooMuch = `${fits}!`;
  await anna.say(tooMuch);
  assert.equal(await anna.composer.inputValue(), tooMuch);
  await anna.say('small');
  await bot.hears('small');
  assert.deepEqual(bot.texts, [fits, 'small']);
  assert.equal(bot.of('leave').length, 0, 'the connection stayed');
});

story('half-typed text outlives a reload and a visit to another room', async (world) => {
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
  assert.equal(await anna.composer.inputValue(), '', 'once sent it is gone');
});

story('the box grows up to a limit, and the list stays at its bottom', async (world) => {
  const bot = await world.bot('grow', 'bot');
  await bot.say(...Array.from({ length: 60 }, (_, number) => `row ${number}`));
  const anna = await world.person('grow', 'Anna');
  await anna.shows('row 59');
  await anna.atBottom();
  const height = async () => (await anna.composer.boundingBox()).height;
  const heights = [await height()];
  for (const lines of [3, 40, 80]) {
    await anna.type(Array.from({ length: lines }, (_, line) => `line ${line}`).join('\n'));
    await anna.atBottom();
    heights.push(await height());
  }
  assert.ok(heights[1] > heights[0] && heights[2] > heights[1], heights.join());
  assert.ok(heights[3] === heights[2] && heights[2] < 400, heights.join());
});
