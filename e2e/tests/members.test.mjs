// The members: the list, its count, the own entry, and the lines about joins and leaves.
import assert from 'node:assert/strict';
import { randomOf, seedOf } from '../support/random.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

story('the list shows all members, marks the own entry, and its length is the count', async (world) => {
  const bot = await world.bot('list', '机器人');
  const anna = await world.person('list', 'Anna');
  await anna.showsMembers('机器人', 'Anna');
  const people = await anna.memberEntries();
  assert.deepEqual(people.map((person) => person.name), ['机器人', 'Anna'], 'oldest first');
  assert.deepEqual(people.filter((person) => person.isSelf).map(({ name }) => name), ['Anna']);
  assert.equal(people[0].pid, bot.pid);
  assert.ok((await anna.count.textContent()).includes('2'));
});

story('joins, renames and leaves show in the list and as lines', async (world) => {
  const anna = await world.person('live', 'Anna');
  await anna.showsMembers('Anna');
  const bot = await world.bot('live', 'first');
  await anna.showsMembers('Anna', 'first');
  await anna.line('join', 'first');
  bot.send('@changename:second');
  await anna.showsMembers('Anna', 'second');
  const line = await anna.line('changename', 'second');
  assert.ok(line.text.includes('first'), `the old name too: ${line.text}`);
  await bot.leave();
  await anna.showsMembers('Anna');
  await anna.line('leave', 'second');
  assert.deepEqual((await anna.lines()).map((line) => line.kind), ['join', 'changename', 'leave']);
});

story('a member whose connection breaks leaves the list', async (world) => {
  const anna = await world.person('vanish', 'Anna');
  const bot = await world.bot('vanish', 'ghost');
  await anna.showsMembers('Anna', 'ghost');
  bot.vanish();
  await anna.showsMembers('Anna');
  await anna.line('run', `ghost${words.left[1]}`);
});

story('two members of one nickname are two entries', async (world) => {
  const anna = await world.person('twins', 'Anna');
  const bot = await world.bot('twins', 'Anna');
  await anna.showsMembers('Anna', 'Anna');
  assert.notEqual((await anna.me()).pid, bot.pid);
  await bot.leave();
  await anna.showsMembers('Anna');
  assert.ok(await anna.me(), 'the own entry stays');
});

story('two tabs of one browser are two members', {
  settings: ['--resume-grace-seconds', '1'],
}, async (world) => {
  const context = await world.context();
  const [one, two] = [
    new RoomPage(await world.tab(context, 'one')),
    new RoomPage(await world.tab(context, 'two')),
  ];
  await one.open(world.server.origin, 'tabs', 'One');
  await two.open(world.server.origin, 'tabs', 'Two');
  await one.showsMembers('One', 'Two');
  assert.notEqual((await one.me()).pid, (await two.me()).pid);
  await one.reload();
  assert.equal((await one.me()).name, 'One', 'its own name, not that of the other tab');
  await two.page.close();
  await one.showsMembers('One');
});

story('during random joins and leaves the count is the length of the list in every frame', async (world) => {
  const seed = seedOf(world.t);
  const random = randomOf(seed);
  const STEPS = 60;
  const CROWD = 6;
  const anna = await world.person('crowd', 'Anna');
  const bert = await world.person('crowd', 'Bert');
  const watches = [];
  for (const view of [anna, bert]) watches.push(await watchCount(view));
  const crowd = new Map();
  for (let step = 0; step < STEPS; step += 1) {
    const name = `bot${Math.floor(random() * CROWD)}`;
    const bot = crowd.get(name);
    if (!bot) crowd.set(name, await world.bot('crowd', name));
    else if (random() < 0.5) await bot.leave().then(() => crowd.delete(name));
    else {
      bot.vanish();
      crowd.delete(name);
    }
  }
  for (const view of [anna, bert]) await view.showsMembers('Anna', 'Bert', ...crowd.keys());
  for (const watch of watches) {
    const { frames, wrong } = await watch.evaluate((watch) => watch);
    assert.ok(frames > 10, `only ${frames} frames were compared`);
    assert.deepEqual(wrong, [], `with E2E_SEED=${seed}`);
  }
});

/** Compares the count and the list in every frame. */
function watchCount(view) {
  return view.page.evaluateHandle(() => {
    const watch = { frames: 0, wrong: [] };
    const part = (selector) => document.querySelector(selector);
    const look = () => {
      const count = Number(part('.member-count').dataset.count);
      const length = part('#member-list').querySelectorAll('[data-pid]').length;
      if (count !== length) watch.wrong.push({ count, length });
      watch.frames += 1;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    return watch;
  });
}
