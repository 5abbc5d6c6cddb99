// Being the same member after a reload, a lost connection or a long sleep; and being another one in
// a copy of the tab.
import assert from 'node:assert/strict';
import { devtools } from '../support/browser.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** What the others saw of somebody who came and what happened since. */
function seenBy(bot) {
  return bot.frames.slice(4).map((frame) => frame.type);
}

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
  await bot.hears('still me');
  assert.deepEqual(seenBy(bot), ['join', 'normal']);
  await view.showsPeople('bot', 'Anna');
});

story('closing a tab shows one leave after the grace period', {
  settings: ['--resume-grace-seconds', '1'],
}, async (world) => {
  const bot = await world.bot('closing', 'bot');
  const view = await world.person('closing', 'Anna');
  await view.page.close();
  await until('the leave', () => bot.of('leave').length > 0);
  await bot.say('anybody?');
  assert.deepEqual(seenBy(bot), ['join', 'leave', 'normal']);
});

story('a duplicated tab is another member and sends nothing twice', async (world) => {
  const { gate, view } = await world.behindGate('copy', 'Anna');
  const { pid } = await view.me();
  gate.refuseSockets();
  await view.disconnected();
  await view.say('once');
  await until('the row', async () => (await view.messages())[0]?.pending === 'waiting');
  // A window that a page opens begins with a copy of its session storage, as a duplicated tab does.
  const opened = view.page.context().waitForEvent('page');
  await view.page.evaluate(() => void window.open(location.href));
  const page = await opened;
  world.complaints.watch(page, 'the copy');
  const copy = new RoomPage(page);
  await until('the copy to be there', async () => (await copy.connection.count()) > 0);
  gate.reopen();
  await view.connected();
  await copy.connected();
  await view.shows('once');
  await copy.shows('once');
  assert.equal((await view.me()).pid, pid, 'the original is who it was');
  assert.notEqual((await copy.me()).pid, pid);
  await view.showsPeople('Anna', 'Anna');
  const bot = await world.bot('copy', 'bot');
  assert.deepEqual(bot.of('history')[0].payload.map((record) => record.payload), ['once']);
});

story('a duplicated tab whose original is frozen is another member', async (world) => {
  const { gate, view } = await world.behindGate('frozen', 'Anna');
  const { pid } = await view.me();
  gate.refuseSockets();
  await view.disconnected();
  await view.say('once');
  await until('the row', async () => (await view.messages())[0]?.pending === 'waiting');
  const tab = await view.page.evaluate(() => sessionStorage.getItem('xmeet:/:tab'));
  // The original answers nobody from here on.
  const cdp = await devtools(view.page);
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
  const page = await world.tab(view.page.context(), 'the copy');
  // As a duplicated tab begins.
  await page.addInitScript((tab) => {
    if (sessionStorage.length) return;
    sessionStorage.setItem('xmeet:/:tab', tab);
    sessionStorage.setItem('xmeet:/:open', '1');
  }, tab);
  const copy = new RoomPage(page);
  await copy.goto(gate.origin, 'frozen', 'Anna');
  await until('the copy to be there', async () => (await copy.connection.count()) > 0);
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
  // As if a tab of that browser had been the member.
  await context.addInitScript((token) => {
    // Firefox runs it in the empty page before, too, which has no storage.
    if (origin === 'null') return;
    if (!sessionStorage.length) localStorage.setItem('xmeet:/:member:taken:thief', token);
  }, token);
  const thief = new RoomPage(await world.tab(context, 'the other'));
  await thief.open(world.server.origin, 'taken', 'Anna');
  await until('the first to be another', async () => ![pid, undefined].includes(
    (await anna.me())?.pid,
  ));
  await anna.connected();
  assert.equal((await thief.me()).pid, pid);
  await anna.showsPeople('Anna', 'Anna');
  await anna.say('both are here');
  await thief.shows('both are here');
});

story('after ten minutes of sleep a page has the newest message within 5 s', async (world) => {
  world.complaints.allowUnreachable();
  const bot = await world.bot('sleep', 'bot');
  const gate = await world.gate();
  const page = await world.tab(await world.context(), 'Anna');
  await page.clock.install();
  const view = new RoomPage(page);
  await view.open(gate.origin, 'sleep', 'Anna');
  // The network forgets the connection, and neither end hears of it.
  gate.forget();
  await bot.say('meanwhile');
  await page.clock.fastForward(10 * 60_000);
  const woken = performance.now();
  await view.shows('meanwhile');
  assert.ok(performance.now() - woken < 5_000, 'without touching anything');
  await view.connected();
});

story('40 s without a heartbeat end the connection', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const page = await world.tab(await world.context(), 'Anna');
  await page.clock.install();
  const view = new RoomPage(page);
  await view.open(gate.origin, 'heartbeat', 'Anna');
  gate.forget();
  gate.refuseSockets({ cut: false });
  await page.clock.runFor(45_000);
  await view.disconnected();
  gate.reopen();
  // By itself: the page's clock goes on.
  await view.connected();
});

story('a message without an echo replaces a dead connection', async (world) => {
  world.complaints.allowUnreachable();
  const bot = await world.bot('silent', 'bot');
  const { gate, view } = await world.behindGate('silent', 'Anna');
  gate.forget();
  await view.say('is anybody there?');
  await bot.hears('is anybody there?', 40_000);
  await view.shows('is anybody there?');
  assert.deepEqual(bot.texts, ['is anybody there?']);
});
