// Outages: what stays possible, a change of network, and a server that refuses.
import assert from 'node:assert/strict';
import { stopClock, withinPageTime } from '../support/page-time.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** The longest time until the page shows that it is offline, in milliseconds. */
const SHOWN_MS = 10_000;
/** The longest time until the page is connected after the network has changed. */
const BACK_MS = 5_000;

story('offline is shown without a dialog, and reading, scrolling and the focus are unaffected', async (world) => {
  world.complaints.allowUnreachable();
  const bot = await world.bot('tunnel', 'bot');
  await bot.say(...numbered(1, 60));
  const view = await world.person('tunnel', 'Anna', { hasClock: true });
  await view.shows('n 60');
  await view.atBottom();
  const { page } = view;
  await view.composer.focus();
  await stopClock(page);
  await page.context().setOffline(true);
  await withinPageTime(page, SHOWN_MS, 'showing the outage', async () =>
    (await view.state()) !== 'connected');
  await view.disconnected();
  assert.equal(await page.locator('dialog[open], [aria-modal=true]').count(), 0);
  assert.equal(await page.locator('main').getAttribute('inert'), null);
  await page.keyboard.type('half ');
  await view.wheel(-400);
  assert.ok((await view.fromBottom()) > 200, 'the list scrolls');
  await page.keyboard.type('typed');
  await page.context().setOffline(false);
  await view.connected();
  assert.equal(await view.composer.inputValue(), 'half typed');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'composer');
});

story('a change of network reconnects within 5 s, and other members see no leave', { ms: 120_000 }, async (world) => {
  const bot = await world.bot('train', 'bot');
  const { gate, view } = await world.behindGate('train', 'Anna', { hasClock: true });
  const { pid } = await view.me();
  const backWith = (text) => withinPageTime(view.page, BACK_MS, 'reconnecting', async () =>
    (await view.texts()).includes(text));
  // A browser that notices the change closes its connections.
  await stopClock(view.page);
  gate.cut();
  await bot.say('first');
  await backWith('first');
  // A browser that does not notice uses the old connection, on which nothing arrives.
  await stopClock(view.page);
  gate.forget();
  await bot.say('second');
  await view.page.evaluate(() => window.dispatchEvent(new Event('online')));
  await backWith('second');
  assert.equal((await view.me()).pid, pid);
  await bot.say('third');
  assert.deepEqual(bot.typesSinceGreeting, ['join', 'normal', 'normal', 'normal']);
});

for (const answer of ['429 Too Many Requests', '503 Service Unavailable']) {
  story(`${answer} instead of a WebSocket: the page retries less and less often`, async (world) => {
    const { gate, view } = await world.behindGate('full', 'Anna');
    gate.refuseSockets({ answer });
    await view.disconnected();
    await view.say('waits');
    // Four refusals in a row: the wait after them is never shorter than 3 s.
    await view.waitsForSeconds(3);
    await view.newestIs('waiting');
    gate.reopen();
    await view.tryNow.click();
    await view.connected();
    await view.shows('waits');
  });
}

for (const locale of ['en-US', 'zh-CN']) {
  const { full } = wordsOf(locale);
  story(`a full room says so and admits the person after a member has left, ${locale}`, {
    settings: ['--no-limits=false', '--members-per-room', '1'],
  }, async (world) => {
    world.complaints.allowUnreachable();
    const bot = await world.bot('full', 'bot');
    await bot.say('only one of us');
    const view = new RoomPage(await world.tab(await world.context({ locale }), 'Anna'));
    await view.goto(world.server.origin, 'full', 'Anna');
    await view.log.getByText(full, { exact: true }).waitFor();
    await until('the words in the header', async () =>
      (await view.connection.textContent()).includes(full));
    assert.equal((await view.count.textContent()).trim(), '', 'a full room does not look empty');
    await view.say('waits for a seat');
    await bot.leave();
    await view.tryNow.click();
    await view.connected();
    await view.showsExactly('only one of us', 'waits for a seat');
    assert.equal(await view.page.getByText(full, { exact: true }).count(), 0);
  });
}

for (const locale of ['en-US', 'zh-CN']) {
  const { stopped_rate: reason, connect_again: again } = wordsOf(locale);
  story(`after a final refusal the page reconnects only on request, ${locale}`, async (world) => {
    const bot = await world.bot('refused', 'bot');
    const page = await world.tab(await world.context({ locale }), 'Anna');
    await page.clock.install();
    const sockets = [];
    await page.routeWebSocket(/\/xgate\/websocket\//, (socket) => {
      socket.connectToServer();
      sockets.push(socket);
    });
    const view = new RoomPage(page);
    await view.open(world.server.origin, 'refused', 'Anna');
    await view.say('before');
    await view.shows('before');
    await sockets[0].close({ code: 1008, reason: 'too many messages' });
    const stopped = () => until(
      async () => `a page that makes no attempt; it is ${await view.state()}`,
      async () => (await view.state()) === 'stopped',
    );
    await stopped();
    assert.ok((await view.connection.textContent()).includes(reason));
    assert.equal(await view.tryNow.textContent(), again);
    // Neither time nor events of the browser cause an attempt.
    await page.clock.runFor(180_000);
    await page.evaluate(() => {
      window.dispatchEvent(new Event('online'));
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    });
    await page.clock.runFor(60_000);
    await stopped();
    assert.equal(sockets.length, 1);
    await view.say('waits');
    await view.newestIs('waiting');
    assert.deepEqual(await view.texts(), ['before', 'waits'], 'the messages stay on the page');
    await view.tryNow.click();
    await view.connected();
    await bot.receives('waits');
    await view.shows('waits');
    assert.equal(sockets.length, 2);
    assert.deepEqual(bot.texts, ['before', 'waits']);
  });
}
