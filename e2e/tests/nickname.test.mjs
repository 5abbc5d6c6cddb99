// Nicknames: their origin, how long they are kept, and renames.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

story('the address sets the nickname, and a reload without it keeps it', async (world) => {
  const anna = await world.person('names', '小明');
  assert.equal((await anna.me()).name, '小明');
  await anna.open(world.server.origin, 'names');
  assert.equal((await anna.me()).name, '小明');
  await anna.reload();
  assert.equal((await anna.me()).name, '小明');
});

story('a nickname is kept in another room and in another tab of the browser', async (world) => {
  const anna = await world.person('names', 'Anna');
  await anna.open(world.server.origin, 'elsewhere');
  assert.equal((await anna.me()).name, 'Anna');
  const tab = await world.tab(anna.page.context());
  const other = new anna.constructor(tab);
  await other.open(world.server.origin, 'names');
  assert.equal((await other.me()).name, 'Anna');
});

story('a person without a nickname gets a random one and keeps it', async (world) => {
  const guest = await world.person('names');
  const { name } = await guest.me();
  assert.ok(name.trim().length > 0);
  await guest.reload();
  assert.equal((await guest.me()).name, name);
  const names = new Set([name]);
  for (let other = 0; other < 4; other += 1) {
    names.add((await (await world.person('names')).me()).name);
  }
  assert.ok(names.size > 1, `five guests are all called ${name}`);
});

story('a nickname of twenty Chinese characters is accepted', async (world) => {
  const name = '欢迎来到聊天室的每一位新朋友大家好呀一起';
  assert.equal([...name].length, 20);
  const anna = await world.person('names', name);
  assert.equal((await anna.me()).name, name);
  await anna.reload();
  assert.equal((await anna.me()).name, name);
});

story('a nickname of markup is shown as typed in every place', async (world) => {
  const NAME = '<b>x</b>';
  const anna = await world.person('markup', NAME);
  const bert = await world.person('markup', 'Bert');
  await anna.say('hello');
  assert.equal((await bert.shows('hello')).author, NAME, 'row');
  assert.equal((await anna.me()).name, NAME, 'list');
  assert.ok((await anna.rename.getAttribute('title')).includes(NAME), 'title');
  await bert.type('@');
  await bert.offers([NAME, words.rename, words.command_older]);
  await bert.say('@changename:<b>y</b>');
  assert.ok((await bert.command.textContent()).includes('<b>y</b>'), 'notice');
  await bert.run.click();
  await anna.line('changename', '<b>y</b>');
  for (const view of [anna, bert]) assert.equal(await view.page.locator('body b').count(), 0);
});

story('a rename reaches every member and survives a reload', async (world) => {
  const anna = await world.person('rename', 'Anna');
  const bert = await world.person('rename', 'Bert');
  await anna.say('before');
  await anna.shows('before');
  await anna.renameTo('安娜');
  await bert.showsMembers('安娜', 'Bert');
  await bert.line('changename', '安娜');
  assert.equal((await anna.me()).name, '安娜');
  await anna.say('after');
  const authors = async (page) => {
    await page.shows('after');
    return (await page.messages()).map((row) => row.author);
  };
  assert.deepEqual(await authors(bert), ['Anna', '安娜'], 'each with the nickname of its time');
  await anna.reload();
  assert.equal((await anna.me()).name, '安娜');
  assert.deepEqual(await authors(anna), ['Anna', '安娜']);
});

story('Enter in the nickname form renames, Escape does not', async (world) => {
  const anna = await world.person('rename', 'Anna');
  await anna.openRename();
  await anna.renameInput.fill('Escaped');
  await anna.renameInput.press('Escape');
  await anna.renameInput.waitFor({ state: 'hidden' });
  await anna.openRename();
  await anna.renameInput.fill('Entered');
  await anna.renameInput.press('Enter');
  await anna.showsMembers('Entered');
  assert.deepEqual((await anna.lines()).map((line) => line.kind), ['changename']);
});

story('an invalid nickname is refused with a reason next to its field', async (world) => {
  const bot = await world.bot('rename', 'bot');
  const anna = await world.person('rename', 'Anna');
  for (const name of ['   ', '\u200b\u2060', '\u202e\u2066', 'x'.repeat(33)]) {
    await anna.renameTo(name);
    const text = await until(`a reason against ${JSON.stringify(name)}`, async () => {
      const id = await anna.renameInput.getAttribute('aria-describedby');
      return id && (await anna.page.locator(`[id="${id}"]`).textContent()).trim();
    });
    assert.ok(text.length > 0);
    assert.equal(await anna.renameInput.getAttribute('aria-invalid'), 'true');
    await anna.renameInput.press('Escape');
  }
  await anna.renameTo('fine');
  await bot.receivesFrame('changename', 'fine');
  assert.equal(bot.of('changename').length, 1);
});
