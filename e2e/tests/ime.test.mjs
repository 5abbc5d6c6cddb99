// Input methods: Enter that confirms a composition sends nothing, in every field.
import assert from 'node:assert/strict';
import {
  composeAndConfirm, composeAndConfirmAsSafari, endCompositionBeforeNextEnter, pressMarkedEnter,
  traceOf,
} from '../support/ime.mjs';
import { story } from '../support/world.mjs';

story('Enter that confirms a composition does not send', async (world) => {
  const bot = await world.bot('ime', 'bot');
  const anna = await world.person('ime', 'Anna');
  const trace = await traceOf(anna.composer);
  await anna.composer.focus();
  for (const [letters, text] of [['ni hao', '你好'], ['にほん', '日本'], ['ㅎㅏㄴ', '한']]) {
    await composeAndConfirm(anna.page, letters, text);
    assert.equal(await anna.composer.inputValue(), text, 'the text is still in the message box');
    await anna.page.keyboard.press('Enter');
    await bot.receives(text);
    assert.equal(await anna.composer.inputValue(), '');
  }
  const once = ['compositionstart', 'keydown 229 true', 'compositionend', 'keydown 13 false'];
  assert.deepEqual(await trace(), [...once, ...once, ...once], 'events of this browser');
  assert.deepEqual(bot.texts, ['你好', '日本', '한'], 'each once');
});

story('Enter after a composition that Safari has already ended does not send', async (world) => {
  const bot = await world.bot('safari', 'bot');
  const anna = await world.person('safari', 'Anna');
  await composeAndConfirmAsSafari(anna.composer, '你好');
  assert.equal(await anna.composer.inputValue(), '你好');
  await anna.composer.press('Enter');
  await bot.receives('你好');
  assert.deepEqual(bot.texts, ['你好']);
});

story('Enter with only one mark of a composition does not send', async (world) => {
  const bot = await world.bot('marks', 'bot');
  const anna = await world.person('marks', 'Anna');
  for (const marks of [{ keyCode: 229 }, { keyCode: 13, isComposing: true }]) {
    await anna.type(`with ${JSON.stringify(marks)}`);
    await pressMarkedEnter(anna.composer, marks);
    assert.equal(await anna.composer.inputValue(), `with ${JSON.stringify(marks)}`);
  }
  await anna.say('last');
  await bot.receives('last');
  assert.deepEqual(bot.texts, ['last']);
  // The same event without a mark sends: the test can fail.
  await anna.type('unmarked');
  await pressMarkedEnter(anna.composer, { keyCode: 13 });
  await bot.receives('unmarked');
});

story('Enter that confirms a composition does not submit the nickname', async (world) => {
  const bot = await world.bot('ime name', 'bot');
  const anna = await world.person('ime name', 'Anna');
  await anna.openRename();
  await anna.renameInput.fill('');
  await composeAndConfirm(anna.page, 'xiao ming', '小明');
  await endCompositionBeforeNextEnter(anna.renameInput);
  await anna.page.keyboard.press('Enter');
  assert.equal(await anna.renameInput.inputValue(), '小明', 'the form is still open');
  await anna.page.keyboard.type('!');
  await anna.page.keyboard.press('Enter');
  await bot.receivesFrame('changename', '小明!');
  assert.equal(bot.of('changename').length, 1);
});

story('Enter that confirms a composition does not submit the front page', async (world) => {
  const bot = await world.bot('tea', 'bot');
  const landing = await world.visitor();
  await landing.room.fill('tea');
  await landing.nickname.focus();
  await composeAndConfirm(landing.page, 'xiao ming', '小明');
  await endCompositionBeforeNextEnter(landing.nickname);
  await landing.page.keyboard.press('Enter');
  assert.equal(await landing.nickname.inputValue(), '小明', 'the form is still open');
  await landing.page.keyboard.type('!');
  await landing.page.keyboard.press('Enter');
  await bot.receivesFrame('join', '小明!');
  assert.equal(bot.of('join').length, 1);
});
