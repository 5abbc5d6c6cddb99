// Typing loses nothing: halves of characters, undo, the Return key of phones, compositions.
import assert from 'node:assert/strict';
import { compose, pressMarkedEnter } from '../support/ime.mjs';
import { PHONE } from '../support/sizes.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';


/** Types a character like a keyboard that sends each UTF-16 half alone. */
async function typeInHalves(field) {
  await field.focus();
  await field.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    for (const half of ['\ud83d', '\ude00']) {
      document.execCommand('insertText', false, half);
      await frame();
    }
  });
}

story('a character typed in two halves arrives whole in every text field', async (world) => {
  const bot = await world.bot('halves', 'bot');
  const anna = await world.person('halves', 'Anna');
  await typeInHalves(anna.composer);
  assert.equal(await anna.composer.inputValue(), '😀');
  await anna.page.keyboard.press('Enter');
  await bot.receives('😀');
  await anna.shows('😀');
  await anna.openRename();
  await anna.renameInput.fill('');
  await typeInHalves(anna.renameInput);
  assert.equal(await anna.renameInput.inputValue(), '😀');
  await anna.page.keyboard.press('Enter');
  await bot.receivesFrame('changename', '😀');
  const landing = await world.visitor();
  for (const field of [landing.room, landing.nickname]) {
    await field.fill('');
    await typeInHalves(field);
    assert.equal(await field.inputValue(), '😀');
  }
});

story('half a character is not sent', async (world) => {
  const bot = await world.bot('half', 'bot');
  const anna = await world.person('half', 'Anna');
  await anna.composer.focus();
  await anna.page.keyboard.type('a');
  await anna.page.evaluate(() => document.execCommand('insertText', false, '\ud83d'));
  await anna.page.keyboard.press('Enter');
  await bot.receives('a');
  assert.deepEqual(bot.texts, ['a']);
  assert.equal(await anna.composer.inputValue(), '');
});

story('undo removes a completed name in one step, and redo restores it once', async (world) => {
  await world.bot('undo', 'Robert');
  const anna = await world.person('undo', 'Anna');
  const { keyboard } = anna.page;
  await anna.composer.focus();
  await keyboard.type('see you at five @Rob');
  await anna.offers(['Robert']);
  await keyboard.press('Enter');
  await keyboard.type('ok?');
  const whole = 'see you at five @Robert ok?';
  assert.equal(await anna.composer.inputValue(), whole);
  const press = async (keys) => {
    const values = [];
    for (let step = 0; step < 8; step += 1) {
      await keyboard.press(keys);
      values.push(await anna.composer.inputValue());
    }
    return values;
  };
  const undone = await press('ControlOrMeta+z');
  assert.ok(undone.includes('see you at five @Rob'), JSON.stringify(undone));
  assert.equal(undone.at(-1), '', JSON.stringify(undone));
  const redone = await press('ControlOrMeta+Shift+z');
  assert.equal(redone.at(-1), whole, JSON.stringify(redone));
  assert.ok(redone.every((value) => whole.startsWith(value)), JSON.stringify(redone));
});

story('on a phone Return starts a line and the button sends, until a switch changes it', async (world) => {
  const bot = await world.bot('phone', 'bot');
  const anna = await world.person('phone', 'Anna', PHONE);
  const hint = () => anna.composer.getAttribute('enterkeyhint');
  assert.equal(await hint(), 'enter');
  assert.equal(await anna.composer.getAttribute('title'), words.composer_keys_line);
  await anna.composer.tap();
  const { keyboard } = anna.page;
  await keyboard.type('one');
  await keyboard.press('Enter');
  await keyboard.type('two');
  assert.equal(await anna.composer.inputValue(), 'one\ntwo');
  assert.deepEqual(bot.texts, []);
  await anna.sendButton.tap();
  await bot.receives('one\ntwo');
  await anna.menu.tap();
  const choice = anna.menuSwitch('return');
  assert.equal(await choice.getAttribute('aria-checked'), 'false');
  await choice.tap();
  assert.equal(await choice.getAttribute('aria-checked'), 'true');
  await keyboard.press('Escape');
  assert.equal(await hint(), 'send');
  await anna.reload();
  assert.equal(await hint(), 'send', 'the choice is remembered');
  await anna.composer.tap();
  await keyboard.type('three');
  await keyboard.press('Enter');
  await bot.receives('three');
  assert.deepEqual(bot.texts, ['one\ntwo', 'three']);
});

story('with a keyboard Return sends, until a switch makes it start a line and Ctrl + Enter send', async (world) => {
  const bot = await world.bot('desk', 'bot');
  const anna = await world.person('desk', 'Anna');
  assert.equal(await anna.composer.getAttribute('enterkeyhint'), 'send');
  await anna.menu.click();
  await anna.menuSwitch('return').click();
  await anna.page.keyboard.press('Escape');
  await anna.composer.focus();
  await anna.page.keyboard.type('one');
  await anna.page.keyboard.press('Enter');
  await anna.page.keyboard.type('two');
  assert.equal(await anna.composer.inputValue(), 'one\ntwo');
  await anna.page.keyboard.press('ControlOrMeta+Enter');
  await bot.receives('one\ntwo');
  assert.deepEqual(bot.texts, ['one\ntwo']);
});

story('Return of a phone during a composition sends all of the text, or starts a line', async (world) => {
  const bot = await world.bot('android', 'bot');
  const anna = await world.person('android', 'Anna', PHONE);
  await anna.composer.tap();
  const word = await compose(anna.page, 'hello');
  // Android's keyboards send Return during the composition of a word.
  const isLeftAlone = await anna.composer.evaluate((box) => box.dispatchEvent(new KeyboardEvent(
    'keydown',
    { bubbles: true, cancelable: true, key: 'Enter', keyCode: 13, isComposing: true },
  )));
  assert.ok(isLeftAlone, 'the browser starts a line');
  await word.commit('hello');
  await anna.menu.tap();
  await anna.menuSwitch('return').tap();
  await anna.page.keyboard.press('Escape');
  await anna.composer.tap();
  assert.deepEqual(bot.texts, []);
  await compose(anna.page, ' world');
  await pressMarkedEnter(anna.composer, { keyCode: 13, isComposing: true });
  await bot.receives('hello world');
  await until('an empty message box', async () => (await anna.composer.inputValue()) === '');
  // Some keyboards send only the line break.
  await anna.composer.fill('by a line break');
  await anna.composer.evaluate((box) => {
    const options = { bubbles: true, cancelable: true };
    box.dispatchEvent(new KeyboardEvent('keydown', { ...options, key: 'Unidentified', keyCode: 229 }));
    box.dispatchEvent(new InputEvent('beforeinput', { ...options, inputType: 'insertLineBreak' }));
  });
  await bot.receives('by a line break');
  await anna.say('last');
  await bot.receives('last');
  assert.deepEqual(bot.texts, ['hello world', 'by a line break', 'last']);
});

story('the button of a phone during a composition sends all of the text once', async (world) => {
  const bot = await world.bot('tap', 'bot');
  const anna = await world.person('tap', 'Anna', PHONE);
  await anna.composer.tap();
  await compose(anna.page, 'hello');
  await anna.sendButton.tap();
  await bot.receives('hello');
  await until('an empty message box', async () => (await anna.composer.inputValue()) === '');
  assert.deepEqual(bot.texts, ['hello']);
});

story('Send during a composition waits for its end, and a cancelled composition sends nothing', async (world) => {
  const bot = await world.bot('press', 'bot');
  const anna = await world.person('press', 'Anna');
  await anna.composer.focus();
  const ime = await compose(anna.page, 'ni hao');
  await anna.sendButton.click();
  assert.equal(await anna.composer.inputValue(), 'ni hao', 'the letters are still in the message box');
  await ime.commit('你好');
  await bot.receives('你好');
  await until('an empty message box', async () => (await anna.composer.inputValue()) === '');
  await anna.page.keyboard.type('kept');
  const cancelled = await compose(anna.page, 'zai jian');
  await anna.sendButton.click();
  await cancelled.cancel();
  assert.equal(await anna.composer.inputValue(), 'kept');
  await anna.say('last');
  await bot.receives('last');
  assert.deepEqual(bot.texts, ['你好', 'last']);
});

story('a full-width @ opens the menu and mentions', async (world) => {
  const bot = await world.bot('wide', '李雷');
  const anna = await world.person('wide', 'Anna');
  await anna.composer.focus();
  await anna.page.keyboard.insertText('你好＠李');
  await anna.offers(['李雷']);
  await anna.page.keyboard.press('Enter');
  assert.equal(await anna.composer.inputValue(), '你好@李雷 ');
  await bot.say('＠Anna hi');
  await anna.shows('＠Anna hi');
  await until('the mark', async () =>
    (await anna.message('＠Anna hi').getAttribute('data-mention')) === 'true');
});

story('an open menu follows joins, renames and leaves, and keeps the choice', async (world) => {
  const first = await world.bot('follow', 'Anna');
  const second = await world.bot('follow', 'Annika');
  const me = await world.person('follow', 'me');
  await me.showsMembers('Anna', 'Annika', 'me');
  await me.composer.focus();
  await me.page.keyboard.type('hi @An');
  await me.offers(['Anna', 'Annika']);
  await me.page.keyboard.press('ArrowDown');
  await me.offers(['Anna', 'Annika'], 1);
  first.send('@changename:Zed');
  await me.offers(['Annika']);
  await world.bot('follow', 'Andrea');
  await me.offers(['Annika', 'Andrea']);
  await second.leave();
  await me.offers(['Andrea']);
  await me.page.keyboard.press('Enter');
  assert.equal(await me.composer.inputValue(), 'hi @Andrea ');
});

story('a nickname or a message of invisible characters alone is not accepted', async (world) => {
  const bot = await world.bot('blank', 'bot');
  const anna = await world.person('blank', 'Anna');
  const invisible = ['\ufff0', '\u{1d173}', '\u{e0001}', '\u3164', '\u115f', '\u2800', '\u200b\u2060'];
  for (const text of invisible) {
    await anna.say(text);
    assert.equal(await anna.composer.inputValue(), text, 'it stays in the message box');
  }
  await anna.say('seen');
  await bot.receives('seen');
  assert.deepEqual(bot.texts, ['seen']);
  const bob = await world.bot('blank', 'Bob');
  const fake = await world.bot('blank', 'B\ufff0ob');
  assert.equal(fake.of('members')[0].payload.find(({ pid }) => pid === fake.pid).nickname, 'Bob');
  assert.notEqual(bob.pid, fake.pid);
});
