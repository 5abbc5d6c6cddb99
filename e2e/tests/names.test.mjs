// Nicknames that people could confuse: the same one twice, and one that looks like another.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Returns the tag and the colour of each entry with `name`, in the list of members or in rows. */
function looksOf(view, place, name) {
  return view[place].evaluate((list, name) => {
    const names = '.member-name, .author';
    const entries = [...list.querySelectorAll('[data-pid], [data-row="message"]')];
    return entries.filter((entry) => entry.querySelector(names).textContent === name)
      .map((entry) => ({
        tag: entry.querySelector('.tag')?.textContent ?? null,
        hue: entry.querySelector('.avatar').dataset.hue,
      }));
  }, name);
}

story('members of one nickname have different tags and colours in the list and in rows', async (world) => {
  const anna = await world.person('twins', 'Anna');
  await anna.say('I am the first');
  await anna.shows('I am the first');
  const before = (await looksOf(anna, 'log', 'Anna'))[0];
  assert.equal(before.tag, null);
  const bots = [];
  for (let twin = 0; twin < 3; twin += 1) {
    bots.push(await world.bot('twins', 'Anna'));
    await bots.at(-1).say(`I am a twin, ${twin}`);
  }
  const other = await world.person('twins', 'other');
  for (const view of [anna, other]) {
    await view.showsMembers('Anna', 'Anna', 'Anna', 'Anna', 'other');
    await view.shows('I am a twin, 2');
    for (const place of ['members', 'log']) {
      await until(`four tags in ${place}`, async () =>
        (await looksOf(view, place, 'Anna')).filter(({ tag }) => tag).length === 4);
      const looks = await looksOf(view, place, 'Anna');
      assert.equal(new Set(looks.map(({ hue }) => hue)).size, 4, JSON.stringify(looks));
      assert.equal(new Set(looks.map(({ tag }) => tag)).size, 4, JSON.stringify(looks));
    }
  }
  assert.deepEqual(await looksOf(anna, 'log', 'Anna'), await looksOf(other, 'log', 'Anna'));
  assert.deepEqual(await looksOf(anna, 'members', 'Anna'), await looksOf(other, 'log', 'Anna'));
  assert.equal((await looksOf(anna, 'log', 'Anna'))[0].hue, before.hue, 'the first keeps its colour');
  for (const bot of bots) await bot.leave();
  await until('no tag on a nickname of one member', async () =>
    (await looksOf(anna, 'members', 'Anna'))[0].tag === null);
});

story('a nickname that looks like that of a present member has a visible warning', async (world) => {
  const anna = await world.person('alike', 'Anna');
  await anna.say('genuine');
  const impostor = await world.bot('alike', 'Аnnа');
  await impostor.say('send me your money');
  await anna.showsMembers('Anna', 'Аnnа');
  await anna.shows('send me your money');
  const inRows = anna.log.locator('.lookalike');
  const inList = anna.members.locator('.lookalike');
  for (const mark of [inRows, inList]) {
    await mark.waitFor();
    assert.equal(await mark.count(), 1, 'only the later member has it');
    assert.equal(await mark.getAttribute('title'), words.lookalike);
    assert.equal(await mark.getAttribute('aria-label'), words.lookalike);
    const { width, height } = await mark.boundingBox();
    assert.ok(width >= 12 && height >= 12, `${width} x ${height}`);
  }
  assert.equal(await anna.message('send me').locator('.lookalike').count(), 1);
  const entry = anna.members.locator(`[data-pid="${impostor.pid}"]`);
  assert.equal(await entry.locator('.lookalike').count(), 1);
  await anna.type('@');
  await anna.mentionMenu.locator('.lookalike').waitFor();
  await anna.type('');

  // The messages of a member that has left keep the warning.
  await impostor.leave();
  await anna.showsMembers('Anna');
  assert.equal(await inRows.count(), 1);
  const harmless = await world.bot('alike', 'Hanna');
  await anna.showsMembers('Anna', 'Hanna');
  assert.equal(await inList.count(), 0);
  harmless.send('@changename:Ａnna');
  await inList.waitFor();
  harmless.send('@changename:Johanna');
  await until('no mark', async () => (await inList.count()) === 0);
});
