// Rooms by their address: ids in any script, and invalid addresses.
import assert from 'node:assert/strict';
import { LandingPage } from '../support/landing-page.mjs';
import { stopClock, withinPageTime } from '../support/page-time.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

const IDS = [
  '聊天室', 'two words', '100%', '%41', 'a/b', 'a?b#c', 'q&a=1+2', '😀👨‍👩‍👧', "it's \"quoted\"",
  'مرحبا', 'x'.repeat(128), '...', 'a\\b',
];

story('a room id in any script is the same room for the page and for a bot', async (world) => {
  const view = new RoomPage(await world.tab(await world.context()));
  for (const id of IDS) {
    const bot = await world.bot(id, 'bot');
    await view.open(world.server.origin, id, 'Anna');
    assert.equal(await view.name.textContent(), id);
    await bot.receivesFrame('join', 'Anna');
    await view.say(`in ${id}`);
    assert.equal((await bot.receives(`in ${id}`)).xnest, id);
    await view.shows(`in ${id}`);
  }
});

story('unusual room ids typed on the front page lead to their rooms', async (world) => {
  const landing = await world.visitor();
  for (const id of ['a/b', '100%', '小 明', '😀', '?x=1#y']) {
    const bot = await world.bot(id, 'bot');
    await landing.open(world.server.origin);
    await landing.room.fill(id);
    await landing.nickname.fill('Anna');
    await landing.room.press('Enter');
    await bot.receivesFrame('join', 'Anna');
    const view = new RoomPage(landing.page);
    await view.connected();
    assert.equal(await view.name.textContent(), id);
  }
});

story('a new room is empty and usable within 2 s', async (world) => {
  const view = await world.person('warm the cache', 'Anna', { hasClock: true });
  await stopClock(view.page);
  await view.goto(world.server.origin, 'never seen', 'Anna');
  await withinPageTime(view.page, 2_000, 'the new room', async () =>
    (await view.composer.count()) > 0 && (await view.beginning.count()) > 0
      && (await view.state()) === 'connected');
  assert.deepEqual(await view.messages(), []);
  await view.say('first');
  await view.shows('first');
});

story('a message reaches its own room only', async (world) => {
  const here = await world.person('here', 'Anna');
  const there = await world.bot('there', 'bot');
  await there.say('over there');
  await here.say('over here');
  await here.shows('over here');
  assert.deepEqual(await here.texts(), ['over here']);
  assert.deepEqual(there.texts, ['over there']);
  await here.showsMembers('Anna');
});

story('an invalid room address says so and leads to the front page', async (world) => {
  const page = await world.tab(await world.context());
  const sockets = [];
  page.on('websocket', (socket) => sockets.push(socket.url()));
  for (const segment of ['x'.repeat(129), '%ff%fe', 'a%00b']) {
    await page.goto(`${world.server.origin}/room/${segment}`);
    const home = page.getByRole('main').getByRole('link');
    await home.first().waitFor();
    assert.equal(await page.locator('#composer').count(), 0, segment);
    await home.first().click();
    await new LandingPage(page).form.waitFor();
  }
  assert.deepEqual(sockets, [], 'the page opened no WebSocket');
});

story('the shared link is the address of the room without the nickname', async (world) => {
  const anna = await world.person('a/b 小', 'Anna', {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  await anna.use(anna.share);
  await anna.part('.share-copy').click();
  const link = `${world.server.origin}/room/${encodeURIComponent('a/b 小')}`;
  const read = () => anna.page.evaluate(() => navigator.clipboard.readText());
  await until(async () => `${link} in the clipboard; there is ${await read()}`,
    async () => (await read()) === link);
  const bert = new RoomPage(await world.tab(await world.context(), 'Bert'));
  await bert.page.goto(link);
  await bert.connected();
  assert.equal(await bert.name.textContent(), 'a/b 小');
  assert.notEqual((await bert.me()).name, 'Anna', 'the link has no nickname');
});
