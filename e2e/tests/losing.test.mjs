// Losing the connection: what stays possible meanwhile, another network, and a server that says no.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** Within this the page says that it is offline, in milliseconds. */
const SHOWN_MS = 10_000;
/** Within this it is back once there is a network again. */
const BACK_MS = 5_000;

const texts = (count) => Array.from({ length: count }, (_, index) => `n ${index + 1}`);

const within = (ms, since, what) => {
  const took = performance.now() - since;
  assert.ok(took < ms, `${what} took ${took} ms`);
};

story('offline is shown without a dialog, and reading, scrolling and the focus are unaffected', async (world) => {
  world.complaints.allowUnreachable();
  const bot = await world.bot('tunnel', 'bot');
  await bot.say(...texts(60));
  const view = await world.person('tunnel', 'Anna');
  await view.shows('n 60');
  await view.atBottom();
  const { page } = view;
  await view.composer.focus();
  const start = performance.now();
  await page.context().setOffline(true);
  await view.disconnected();
  within(SHOWN_MS, start, 'saying so');
  assert.equal(await page.locator('dialog[open], [aria-modal=true]').count(), 0);
  assert.equal(await page.locator('main').getAttribute('inert'), null);
  await page.keyboard.type('half ');
  await view.wheel(-400);
  assert.ok((await view.fromBottom()) > 200, 'it scrolls');
  await page.keyboard.type('typed');
  await page.context().setOffline(false);
  await view.connected();
  assert.equal(await view.composer.inputValue(), 'half typed');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'composer');
});

story('a change of network reconnects within 5 s, and other members see no leave', async (world) => {
  const bot = await world.bot('train', 'bot');
  const { gate, view } = await world.behindGate('train', 'Anna');
  const { pid } = await view.me();
  // A browser that knows breaks its connections at once.
  let start = performance.now();
  gate.cut();
  await bot.say('first');
  await view.shows('first');
  within(BACK_MS, start, 'coming back');
  // One that does not goes on talking into the old network, which answers nothing.
  gate.forget();
  start = performance.now();
  await bot.say('second');
  await view.page.evaluate(() => window.dispatchEvent(new Event('online')));
  await view.shows('second');
  within(BACK_MS, start, 'coming back');
  assert.equal((await view.me()).pid, pid);
  await bot.say('anybody?');
  const seen = bot.frames.slice(4).map((frame) => frame.type);
  assert.deepEqual(seen, ['join', 'normal', 'normal', 'normal']);
});

for (const answer of ['429 Too Many Requests', '503 Service Unavailable']) {
  story(`${answer} instead of a WebSocket: the page retries less and less often`, async (world) => {
    const { gate, view } = await world.behindGate('full', 'Anna');
    gate.refuseSockets({ answer });
    await view.disconnected();
    await view.say('waits');
    // Four refusals in a row: the wait after them is never shorter than 3 s.
    await until(
      async () => `a long wait; it shows ${await view.connection.textContent()}`,
      async () => (await view.state()) === 'retrying'
        && Number(/\d+/.exec(await view.connection.textContent())?.[0]) >= 3,
      40_000,
    );
    assert.equal((await view.messages()).at(-1).pending, 'waiting');
    gate.reopen();
    await view.tryNow.click();
    await view.connected();
    await view.shows('waits');
  });
}

for (const [locale, words] of [['en-US', 'The room is full'], ['zh-CN', '房间已满']]) {
  story(`a full room says so and admits the person after a member has left, ${locale}`, {
    settings: ['--no-limits=false', '--members-per-room', '1'],
  }, async (world) => {
    world.complaints.allowUnreachable();
    const bot = await world.bot('full', 'bot');
    await bot.say('only one of us');
    const view = new RoomPage(await world.tab(await world.context({ locale }), 'Anna'));
    await view.goto(world.server.origin, 'full', 'Anna');
    await view.log.getByText(words, { exact: true }).waitFor();
    await until('the header to say so', async () =>
      (await view.connection.textContent()).includes(words));
    assert.equal((await view.count.textContent()).trim(), '', 'a full room does not look empty');
    await view.say('waits for a seat');
    await bot.leave();
    await view.tryNow.click();
    await view.connected();
    await view.shows('waits for a seat');
    assert.deepEqual(await view.texts(), ['only one of us', 'waits for a seat']);
    assert.equal(await view.page.getByText(words, { exact: true }).count(), 0);
  });
}

for (const [locale, words, again] of [
  ['en-US', /You were disconnected for sending too much/, 'Reconnect'],
  ['zh-CN', /发送过于频繁，已断开连接/, '重新连接'],
]) {
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
      async () => `a page that stands still; it is ${await view.state()}`,
      async () => (await view.state()) === 'stopped',
    );
    await stopped();
    assert.match(await view.connection.textContent(), words);
    assert.equal(await view.tryNow.textContent(), again);
    // Neither time nor the browser's events make it dial.
    await page.clock.runFor(180_000);
    await page.evaluate(() => {
      window.dispatchEvent(new Event('online'));
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    });
    await page.clock.runFor(60_000);
    await stopped();
    assert.equal(sockets.length, 1);
    await view.say('waits');
    assert.equal((await view.messages()).at(-1).pending, 'waiting');
    assert.deepEqual(await view.texts(), ['before', 'waits'], 'reading goes on');
    await view.tryNow.click();
    await view.connected();
    await bot.hears('waits');
    await view.shows('waits');
    assert.equal(sockets.length, 2);
    assert.deepEqual(bot.texts, ['before', 'waits']);
  });
}
