// Mentions: the menu that completes names, and the marks of rows that mention the reader.
import assert from 'node:assert/strict';
import { compose } from '../support/ime.mjs';
import { FINGER_PX, PHONE } from '../support/sizes.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words, wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

const COMMANDS = [words.rename, words.command_older];

/** Returns the place of the caret, and whether the message box has the focus. */
function caretOf(view) {
  return view.composer.evaluate((box) => ({
    caret: box.selectionStart === box.selectionEnd ? box.selectionStart : null,
    isFocused: document.activeElement === box,
  }));
}

story('the menu offers names, arrow keys choose one, and Enter inserts it without sending', async (world) => {
  const bot = await world.bot('menu', 'Anna');
  await world.bot('menu', 'Joanna');
  await world.bot('menu', 'Bert');
  const view = await world.person('menu', 'me');
  await view.showsMembers('Anna', 'Joanna', 'Bert', 'me');
  const { keyboard } = view.page;
  await view.composer.focus();
  await keyboard.type('hi @AN');
  await view.offers(['Anna', 'Joanna']);
  assert.equal(await view.composer.getAttribute('aria-controls'), 'mentions');
  const active = async () => {
    const id = await view.composer.getAttribute('aria-activedescendant');
    return view.page.locator(`#${id} bdi`).textContent();
  };
  assert.equal(await active(), 'Anna');
  await keyboard.press('ArrowDown');
  await view.offers(['Anna', 'Joanna'], 1);
  assert.equal(await active(), 'Joanna');
  await keyboard.press('ArrowDown');
  await view.offers(['Anna', 'Joanna'], 0);
  await keyboard.press('ArrowUp');
  await view.offers(['Anna', 'Joanna'], 1);
  await keyboard.press('Enter');
  await view.offers([]);
  assert.equal(await view.composer.inputValue(), 'hi @Joanna ');
  assert.deepEqual(await caretOf(view), { caret: 11, isFocused: true });
  assert.equal(await view.composer.getAttribute('aria-activedescendant'), null);
  await keyboard.type('!');
  await keyboard.press('Enter');
  await bot.receives('hi @Joanna !');
  assert.deepEqual(bot.texts, ['hi @Joanna !']);
});

story('Tab inserts a name in the middle of a text, and an e-mail address opens no menu', async (world) => {
  await world.bot('menu', 'Anna');
  const view = await world.person('menu', 'me');
  const { keyboard } = view.page;
  await view.composer.focus();
  await keyboard.type('😀你好 bye');
  for (let step = 0; step < 4; step += 1) await keyboard.press('ArrowLeft');
  await keyboard.type('@an');
  await view.offers(['Anna']);
  await keyboard.press('Tab');
  assert.equal(await view.composer.inputValue(), '😀你好@Anna bye');
  assert.deepEqual(await caretOf(view), { caret: 10, isFocused: true });
  await view.type('mail me@an');
  await view.type('@a n');
  await view.offers([]);
});

story('Escape closes the menu until the next @', async (world) => {
  const bot = await world.bot('menu', 'Anna');
  const view = await world.person('menu', 'me');
  const { keyboard } = view.page;
  await view.composer.focus();
  await keyboard.type('@a');
  await view.offers(['Anna']);
  await keyboard.press('Escape');
  await view.offers([]);
  await keyboard.type('n');
  assert.deepEqual(await view.choices(), []);
  await keyboard.press('Enter');
  await bot.receives('@an');
  await keyboard.type('@');
  await view.offers(['Anna', ...COMMANDS]);
});

story('a click or a tap inserts a name and leaves the focus in the message box', async (world) => {
  await world.bot('menu', 'Anna');
  await world.bot('menu', 'Bert');
  const view = await world.person('menu', 'me');
  await view.composer.focus();
  await view.page.keyboard.type('@');
  await view.mentionMenu.getByText('Bert').click();
  assert.equal(await view.composer.inputValue(), '@Bert ');
  assert.deepEqual(await caretOf(view), { caret: 6, isFocused: true });
  const phone = await world.person('menu', 'phone', PHONE);
  await phone.composer.tap();
  await phone.page.keyboard.type('@');
  await phone.offers(['Anna', 'Bert', 'me', ...COMMANDS]);
  for (const option of await phone.mentionMenu.getByRole('option').all()) {
    assert.ok((await option.boundingBox()).height >= FINGER_PX, 'high enough for a finger');
  }
  await phone.mentionMenu.getByText('Anna').tap();
  assert.equal(await phone.composer.inputValue(), '@Anna ');
  assert.equal((await caretOf(phone)).isFocused, true);
});

story('a Chinese name is offered after an input method has written its first character', async (world) => {
  const bot = await world.bot('menu', '小明');
  await world.bot('menu', '小红');
  const view = await world.person('menu', 'me');
  await view.composer.focus();
  await view.page.keyboard.type('你好@');
  const ime = await compose(view.page, 'xiao');
  await ime.commit('小');
  await view.offers(['小明', '小红']);
  await view.page.keyboard.press('Enter');
  assert.equal(await view.composer.inputValue(), '你好@小明 ');
  await view.page.keyboard.press('Enter');
  await bot.receives('你好@小明 ');
  assert.deepEqual(bot.texts, ['你好@小明 ']);
});

story('during a composition Enter, Escape, arrow keys and Tab belong to the input method', async (world) => {
  const bot = await world.bot('menu', '小明');
  await world.bot('menu', '小红');
  const view = await world.person('menu', 'me');
  await view.composer.focus();
  await view.page.keyboard.type('@');
  await view.offers(['小明', '小红', ...COMMANDS]);
  const ime = await compose(view.page, '小');
  await view.offers(['小明', '小红']);
  for (const key of ['ArrowDown', 'ArrowUp', 'ArrowDown', 'Escape', 'Tab', 'Enter']) {
    await ime.press(key);
    assert.deepEqual((await view.choices()).map((choice) => choice.isChosen), [true, false], key);
    assert.equal(await view.composer.inputValue(), '@小', key);
    assert.equal((await caretOf(view)).isFocused, true, key);
  }
  await ime.commit('小');
  // After the composition the same keys belong to the menu: the test can fail.
  await view.page.keyboard.press('ArrowDown');
  await view.offers(['小明', '小红'], 1);
  await view.page.keyboard.press('Enter');
  assert.equal(await view.composer.inputValue(), '@小红 ');
  assert.deepEqual(bot.texts, []);
});

story('a lone @ offers two commands: change the nickname, and load older messages', async (world) => {
  const bot = await world.bot('menu', 'Anna');
  await bot.say(...numbered(0, 119, 'old'));
  const view = await world.person('menu', 'me');
  await view.shows('old 119');
  const { keyboard } = view.page;
  await view.composer.focus();
  await keyboard.type('@');
  await view.offers(['Anna', ...COMMANDS]);
  await keyboard.press('ArrowUp');
  await keyboard.press('Enter');
  assert.equal(await view.composer.inputValue(), '');
  await until('older messages', async () => (await view.texts()).length > 50);
  await until('the view to be further up', async () => (await view.fromBottom()) > 500);
  await keyboard.type('@');
  await view.mentionMenu.getByText(words.rename).click();
  await view.focusIs('rename-input');
  assert.equal(await view.composer.inputValue(), '');
  await view.renameInput.fill('renamed');
  await view.renameInput.press('Enter');
  await view.showsMembers('Anna', 'renamed');
  await view.type('hello @');
  await view.offers(['Anna']);
  await view.say('@changename:typed by hand');
  await view.command.waitFor();
  assert.equal(bot.texts.length, 120, 'no text was sent');
});

story('a lone @ offers the commands in Chinese', async (world) => {
  const view = await world.person('menu', '我', { locale: 'zh-CN' });
  await view.type('@');
  const { rename, command_older: older } = wordsOf('zh-CN');
  await view.offers([rename, older]);
});

story('a mention marks the row: after Chinese text, of a Chinese name, in any letter case', async (world) => {
  const bot = await world.bot('marks', 'bot');
  await world.bot('marks', '小明明');
  const ming = await world.person('marks', '小明');
  const anna = await world.person('marks', 'Anna');
  await anna.showsMembers('bot', '小明明', '小明', 'Anna');
  await ming.showsMembers('bot', '小明明', '小明', 'Anna');
  const texts = {
    '@anna hello': 'Anna',
    '你好@Anna，来吗': 'Anna',
    '请问@小明在吗': '小明',
    '小明@小明': '小明',
    'bert@Anna.org @Annabel Anna': null,
    '@小明明 hi': null,
  };
  await bot.say(...Object.keys(texts));
  const marked = (view) => view.log.evaluate((log) =>
    [...log.querySelectorAll('.mention[data-mention="true"]')].map((row) =>
      row.querySelector('.text').textContent));
  for (const [view, name] of [[anna, 'Anna'], [ming, '小明']]) {
    await view.shows('@小明明 hi');
    const wanted = Object.keys(texts).filter((text) => texts[text] === name);
    await until(`the rows that mention ${name} to be marked`, async () =>
      JSON.stringify(await marked(view)) === JSON.stringify(wanted));
  }
  const sign = anna.message('@anna hello').getByRole('img', { name: words.mentions_you });
  assert.equal(await sign.textContent(), '@', 'the mark is not a colour alone');
  await anna.say('me @Anna');
  await anna.shows('me @Anna');
  assert.equal((await marked(anna)).length, 2, 'own messages have no mark');
  await anna.renameTo('Zoë');
  await anna.showsMembers('bot', '小明明', '小明', 'Zoë');
  await until('no mark for a nickname without a member', async () => (await marked(anna)).length === 0);
});

story('the menu shows markup as typed, and a tag for each member of a shared name', async (world) => {
  await world.bot('menu', '<b>x</b>');
  const twins = [await world.bot('menu', 'twin'), await world.bot('menu', 'twin')];
  const view = await world.person('menu', 'me');
  await view.showsMembers('<b>x</b>', 'twin', 'twin', 'me');
  await view.type('@');
  await view.offers(['<b>x</b>', 'twin', 'twin', ...COMMANDS]);
  assert.equal(await view.page.locator('body b').count(), 0);
  const tags = await view.mentionMenu.locator('.tag').allTextContents();
  assert.equal(new Set(tags).size, twins.length, tags.join());
});

/** Types a name with 40 keys. Returns how many changes of the page a key causes. */
async function changesPerKey(view) {
  const KEYS = 40;
  const changes = await view.composer.evaluate(async (box, KEYS) => {
    let changes = 0;
    const observer = new MutationObserver((records) => (changes += records.length));
    observer.observe(document.body, {
      subtree: true, childList: true, attributes: true, characterData: true,
    });
    for (let key = 0; key < KEYS; key += 1) {
      box.setRangeText(key === 0 ? '@' : 'member'[key - 1] ?? 'x', key, key, 'end');
      box.dispatchEvent(new InputEvent('input', { bubbles: true }));
      // The page reacts in tasks that run before this one.
      await new Promise((done) => setTimeout(done));
    }
    observer.disconnect();
    return changes;
  }, KEYS);
  return changes / KEYS;
}

story('among 300 members a key changes as little of the page as among 30, and eight are offered', {
  ms: 120_000,
}, async (world) => {
  const changes = [];
  for (const members of [30, 300]) {
    const room = `crowd of ${members}`;
    await Promise.all(numbered(1, members, 'member').map((name) => world.bot(room, name)));
    const view = await world.person(room, 'me');
    await until('all members', async () => (await view.number()) === members + 1);
    await view.composer.focus();
    changes.push(await changesPerKey(view));
    await view.type('@member');
    await until('eight offers', async () => (await view.choices()).length === 8);
  }
  const [few, many] = changes;
  world.t.diagnostic(`changes per key: ${few} among 30, ${many} among 300`);
  assert.ok(many <= few * 1.2, `${many} changes, ${few} among 30`);
});
