// Resuming: the same member after a reload, an outage or a long sleep, and another one in a copy of the
// tab.
import assert from 'node:assert/strict';
import { devtools } from '../support/browser.mjs';
import { stopClock, withinPageTime } from '../support/page-time.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

story('a reload or a short outage shows other members no leave', async (world) => {
  const bot = await world.bot('same', 'bot');
  const { gate, view } = await world.behindGate('same', 'Anna');
  const { pid } = await view.me();
  await view.reload();
  assert.equal((await view.me()).pid, pid);
  gate.cut();
  await view.disconnected();
  await view.connected();
  assert.equal((await view.me()).pid, pid);
  await view.say('still me');
  await bot.receives('still me');
  assert.deepEqual(bot.typesSinceGreeting, ['join', 'normal']);
  await view.showsMembers('bot', 'Anna');
});

story('closing a tab shows one leave after the grace period', {
  settings: ['--resume-grace-seconds', '1'],
}, async (world) => {
  const bot = await world.bot('closing', 'bot');
  const view = await world.person('closing', 'Anna');
  await view.page.close();
  await until('the leave', () => bot.of('leave').length > 0);
  await bot.say('after the leave');
  assert.deepEqual(bot.typesSinceGreeting, ['join', 'leave', 'normal']);
});

story('a duplicated tab is another member and sends nothing twice', async (world) => {
  const { gate, view } = await world.behindGate('copy', 'Anna');
  const { pid } = await view.me();
  gate.refuseSockets();
  await view.disconnected();
  await view.say('once');
  await view.newestIs('waiting');
  // A window opened by a page starts with a copy of its session storage, as a duplicated tab does.
  const opened = view.page.context().waitForEvent('page');
  await view.page.evaluate(() => void window.open(location.href));
  const page = await opened;
  world.complaints.watch(page, 'the copy');
  const copy = new RoomPage(page);
  await until('the copy', async () => (await copy.connection.count()) > 0);
  gate.reopen();
  await view.connected();
  await copy.connected();
  await view.shows('once');
  await copy.shows('once');
  assert.equal((await view.me()).pid, pid, 'the original is the same member');
  assert.notEqual((await copy.me()).pid, pid);
  await view.showsMembers('Anna', 'Anna');
  const bot = await world.bot('copy', 'bot');
  assert.deepEqual(bot.of('history')[0].payload.map((record) => record.payload), ['once']);
});

story('a duplicated tab whose original is frozen is another member', async (world) => {
  const { gate, view } = await world.behindGate('frozen', 'Anna');
  const { pid } = await view.me();
  gate.refuseSockets();
  await view.disconnected();
  await view.say('once');
  await view.newestIs('waiting');
  const tab = await view.page.evaluate(() => sessionStorage.getItem('xmeet:/:tab'));
  // A frozen tab answers no other tab.
  const cdp = await devtools(view.page);
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  const page = await world.tab(view.page.context(), 'the copy');
  // The state in which a duplicated tab starts.
  await page.addInitScript((tab) => {
    if (sessionStorage.length) return;
    sessionStorage.setItem('xmeet:/:tab', tab);
    sessionStorage.setItem('xmeet:/:open', '1');
  }, tab);
  const copy = new RoomPage(page);
  await copy.goto(gate.origin, 'frozen', 'Anna');
  await until('the copy', async () => (await copy.connection.count()) > 0);
  gate.reopen();
  await copy.connected();
  assert.notEqual((await copy.me()).pid, pid);
  await cdp.send('Page.setWebLifecycleState', { state: 'active' });
  await view.connected();
  await view.shows('once');
  const bot = await world.bot('frozen', 'bot');
  assert.deepEqual(bot.of('history')[0].payload.map((record) => record.payload), ['once']);
});

story('a page whose member another tab took over returns as a new member', async (world) => {
  const anna = await world.person('taken', 'Anna');
  const { pid } = await anna.me();
  const member = await anna.page.evaluate(() => Object.entries(localStorage)
    .find(([key]) => key.startsWith('xmeet:/:member:taken:'))[1]);
  const [token] = member.split('\n');
  assert.match(token, /^[A-Za-z0-9_-]{22,64}$/);
  const context = await world.context();
  // The storage of a browser in which a tab was that member.
  await context.addInitScript((token) => {
    // Firefox also runs it in the empty page, which has no storage.
    if (origin === 'null') return;
    if (!sessionStorage.length) localStorage.setItem('xmeet:/:member:taken:thief', token);
  }, token);
  const thief = new RoomPage(await world.tab(context, 'the other'));
  await thief.open(world.server.origin, 'taken', 'Anna');
  await until('another member in the first page', async () => (await anna.me()).pid !== pid);
  await anna.connected();
  assert.equal((await thief.me()).pid, pid);
  await anna.showsMembers('Anna', 'Anna');
  await anna.say('both are here');
  await thief.shows('both are here');
});

story('after ten minutes of sleep a page has the newest message within 5 s', async (world) => {
  const bot = await world.bot('sleep', 'bot');
  const { gate, view } = await world.behindGate('sleep', 'Anna', { hasClock: true });
  const { page } = view;
  // The network drops the connection without a notice to either end.
  gate.forget();
  await bot.say('meanwhile');
  await stopClock(page, 10 * 60_000);
  await withinPageTime(page, 5_000, 'the newest message', async () =>
    (await view.texts()).includes('meanwhile'));
  await view.connected();
});

story('40 s without a heartbeat end the connection', async (world) => {
  const { gate, view } = await world.behindGate('heartbeat', 'Anna', { hasClock: true });
  const { page } = view;
  gate.forget();
  gate.refuseSockets({ cut: false });
  await page.clock.runFor(45_000);
  await view.disconnected();
  gate.reopen();
  await view.connected();
});

story('a message without an echo replaces a dead connection', async (world) => {
  world.complaints.allowUnreachable();
  const bot = await world.bot('silent', 'bot');
  const { gate, view } = await world.behindGate('silent', 'Anna');
  gate.forget();
  await view.say('no echo');
  await bot.receives('no echo', 40_000);
  await view.shows('no echo');
  assert.deepEqual(bot.texts, ['no echo']);
});
