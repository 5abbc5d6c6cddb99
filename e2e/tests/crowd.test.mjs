// Rooms of many members: the drawn part of the list, its filter, and the cost of a join.
import assert from 'node:assert/strict';
import { PHONE } from '../support/sizes.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';


/** Fills a room with `count` bots, and returns them. */
async function crowd(world, room, count) {
  const bots = [];
  while (bots.length < count) {
    const names = Array.from({ length: Math.min(50, count - bots.length) }, (_, n) =>
      `guest ${bots.length + n}`);
    bots.push(...await Promise.all(names.map((name) => world.bot(room, name))));
  }
  return bots;
}

const entries = (view) => view.members.locator('[data-pid]').count();

story('a long member list draws the entries in view, and scrolling draws the others', async (world) => {
  const COUNT = 300;
  await crowd(world, 'crowd', COUNT);
  const view = await world.person('crowd', 'Anna');
  await until('the count', async () => (await view.number()) === COUNT + 1);
  const drawn = await entries(view);
  assert.ok(drawn > 10 && drawn < 120, `${drawn} entries on the page`);
  const [first] = await view.memberEntries();
  const entry = view.members.locator('[data-pid]').first();
  assert.deepEqual(
    [await entry.getAttribute('aria-posinset'), await entry.getAttribute('aria-setsize')],
    ['1', String(COUNT + 1)],
  );
  await view.members.focus();
  await view.page.keyboard.press('End');
  await view.me();
  const me = view.members.locator('[data-self="true"]');
  await until('the own entry in view', () => me.isVisible());
  assert.equal(await me.getAttribute('aria-posinset'), String(COUNT + 1));
  assert.ok((await entries(view)) < 120);
  await view.page.keyboard.press('Home');
  await until('the first entry again', async () => (await view.memberEntries())[0].pid === first.pid);
});

story('the filter finds members by a part of the name', async (world) => {
  await crowd(world, 'filter', 70);
  const view = await world.person('filter', 'Änna');
  const filter = view.part('.member-filter input');
  await filter.fill('T 6');
  await until(async () => `guests 6 and 60 to 69; shown are ${JSON.stringify(await view.memberEntries())}`,
    async () => (await view.memberEntries()).length === 11);
  assert.equal(await view.part('.members-found').textContent(), '11 found');
  await filter.fill('ä');
  await until('Änna', async () => (await view.memberEntries())[0]?.name === 'Änna');
  await filter.fill('no such name');
  await until('an empty list', async () => (await view.memberEntries()).length === 0);
  await filter.fill('');
  await until('the whole list', async () => (await view.memberEntries()).length > 11);
  const small = await world.person('small', 'Anna');
  await small.showsMembers('Anna');
  assert.equal(await small.part('.member-filter input').count(), 0, 'a short list has no filter');
});

story('a closed member list on a phone draws no entries', async (world) => {
  await crowd(world, 'phone', 70);
  const view = await world.person('phone', 'Anna', PHONE);
  await until('the count', async () => (await view.number()) === 71);
  assert.equal(await entries(view), 0);
  await view.membersToggle.tap();
  await until('entries', async () => (await entries(view)) > 10);
  await view.page.keyboard.press('Escape');
  await until('no entries', async () => (await entries(view)) === 0);
});

/** Counts changes of the page while `act` runs, until the count of members is as it was. */
async function changesDuring(view, act) {
  const watch = await view.page.evaluateHandle(() => {
    const watch = { changes: 0 };
    new MutationObserver((changes) => (watch.changes += changes.length)).observe(document.body, {
      subtree: true, childList: true, attributes: true, characterData: true,
    });
    return watch;
  });
  await act();
  return watch.evaluate((watch) => watch.changes);
}

story('a join and a leave change as much of the page among 600 members as among 100', {
  ms: 120_000,
}, async (world) => {
  const changes = [];
  for (const count of [100, 600]) {
    const room = `churn ${count}`;
    await crowd(world, room, count);
    const view = await world.person(room, 'Anna');
    const talker = await world.bot(room, 'talker');
    await talker.say(...numbered(0, 49));
    await view.shows('n 49');
    const number = await view.number();
    const comeAndGo = async (name) => {
      const bot = await world.bot(room, name);
      await until('the join', async () => (await view.number()) === number + 1);
      await bot.leave();
      await until('the leave', async () => (await view.number()) === number);
    };
    // The first join creates the row of joins.
    await comeAndGo('first');
    changes.push(await changesDuring(view, async () => {
      for (let n = 0; n < 5; n += 1) await comeAndGo(`late ${n}`);
    }));
  }
  const [few, many] = changes;
  assert.ok(many <= few * 1.5 + 50, `${few} changes among 100, ${many} among 600`);
});
