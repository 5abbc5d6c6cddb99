// Lost connections and reconnects: what the page shows, and how it catches up.
import assert from 'node:assert/strict';
import { stopClock, withinPageTime } from '../support/page-time.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

story('after kill -9 of the server the page reconnects and shows each message once', async (world) => {
  const { gate, view } = await world.behindGate('crash', '小明');
  await view.say('before');
  await view.shows('before');
  await world.server.crash();
  await view.disconnected();
  gate.shut();
  await world.server.restart();
  const bot = await world.bot('crash', 'bot');
  await bot.say('missed 1', 'missed 2', 'missed 3');
  assert.deepEqual(await view.texts(), ['before'], 'the messages stay on the page');
  gate.reopen();
  await view.connected();
  await bot.say('after');
  await view.showsExactly('before', 'missed 1', 'missed 2', 'missed 3', 'after');
  assert.deepEqual((await view.messages()).map((row) => row.id), [1, 2, 3, 4, 5]);
  await view.showsMembers('bot', '小明');
  await view.say('it works again');
  await bot.receives('it works again');
});

story('a waiting page shows the seconds, and "Try now" connects without a wait', async (world) => {
  const { gate, view } = await world.behindGate('wait', 'Anna', { hasClock: true });
  gate.shut();
  await view.disconnected();
  // Long enough to tell this attempt from the next one of the page itself.
  await view.waitsForSeconds(3);
  await stopClock(view.page);
  gate.reopen();
  await view.tryNow.click();
  await withinPageTime(view.page, 1_000, 'reconnecting', async () =>
    (await view.state()) === 'connected');
});

story('pages that lost the server together all reconnect', async (world) => {
  const PAGES = 10;
  const { gate, view } = await world.behindGate('herd', 'page 0');
  const herd = [view];
  for (let page = 1; page < PAGES; page += 1) {
    herd.push(await world.person('herd', `page ${page}`, { at: gate }));
  }
  const attempts = [];
  gate.listener.on('connection', () => attempts.push('an attempt'));
  gate.shut();
  // The tests of the page's core check the spread of attempts. A busy machine would spread them, too.
  await until('an attempt of each page', () => attempts.length >= PAGES);
  gate.reopen();
  for (const page of herd) await page.connected();
  await view.showsMembers(...herd.map((_, page) => `page ${page}`));
});

story('a clock set back an hour does not hide a dead connection', async (world) => {
  const { gate, view } = await world.behindGate('clock', 'Anna', { hasClock: true });
  const { page } = view;
  gate.forget();
  gate.refuseSockets({ cut: false });
  await page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() - 3_600_000;
  });
  await page.clock.runFor(45_000);
  await view.disconnected();
  gate.reopen();
  await view.connected();
});

story('a stopping server closes with 1001, and the page reconnects', async (world) => {
  const { view } = await world.behindGate('stop', 'Anna');
  const bot = await world.bot('stop', 'bot');
  await view.say('kept');
  await view.shows('kept');
  await view.type('half typed');
  assert.deepEqual(await world.server.stop(), { code: 0, signal: null });
  await until('the close frame', () => bot.closed);
  assert.equal(bot.closed.code, 1001);
  assert.ok(bot.closed.reason.length > 0);
  await view.disconnected();
  await world.server.restart();
  await view.connected();
  await view.showsExactly('kept');
  assert.equal((await view.me()).name, 'Anna');
  assert.equal(await view.composer.inputValue(), 'half typed');
});

story('a changed nickname survives a reconnect', async (world) => {
  const { gate, view } = await world.behindGate('name', 'Anna');
  await view.renameTo('安娜');
  await view.showsMembers('安娜');
  gate.cut();
  await view.disconnected();
  await view.connected();
  await view.showsMembers('安娜');
});

story('a draft and the focus survive a reconnect', async (world) => {
  const { gate, view } = await world.behindGate('draft', 'Anna');
  await view.composer.focus();
  await view.page.keyboard.type('half ');
  gate.shut();
  await view.disconnected();
  await view.page.keyboard.type('typed');
  gate.reopen();
  await view.connected();
  await view.page.keyboard.type('!');
  assert.equal(await view.composer.inputValue(), 'half typed!');
  assert.deepEqual(await view.texts(), []);
});

for (const missed of [49, 50, 51, 120]) {
  story(`${missed} missed messages are shown after the reconnect, in order and once`, async (world) => {
    const { gate, view } = await world.behindGate('missed', 'Anna');
    const bot = await world.bot('missed', 'bot');
    await bot.say('n 0');
    await view.shows('n 0');
    gate.shut();
    await view.disconnected();
    const texts = numbered(1, missed);
    await bot.say(...texts);
    gate.reopen();
    await view.connected();
    await view.shows(texts.at(-1));
    const wanted = ['n 0', ...texts];
    await until(
      async () => `all ${missed}; there are ${await view.texts()}`,
      async () => {
        const shown = await view.texts();
        if (shown.length === wanted.length) return true;
        // A gap row stands for missing messages, which load when the row comes into view.
        if (shown[0] === 'n 0') assert.equal(await view.gap.count(), 1, 'a gap is shown');
        if (await view.gap.count()) await view.gap.first().scrollIntoViewIfNeeded();
        await view.wheel(-300);
        const load = view.gap.getByRole('button');
        if ((await load.count()) && (await load.first().isEnabled())) {
          await load.first().click({ timeout: 1_000 }).catch(() => {});
        }
        return false;
      },
      20_000,
    );
    assert.deepEqual(await view.texts(), wanted);
    assert.equal(await view.gap.count(), 0);
  });
}

story('a lost network is shown, and the page reconnects when the network is back', async (world) => {
  world.complaints.allowUnreachable();
  const view = await world.person('network', 'Anna');
  const bot = await world.bot('network', 'bot');
  const context = view.page.context();
  await context.setOffline(true);
  await view.disconnected();
  await view.say('in a tunnel');
  await bot.say('meanwhile');
  await context.setOffline(false);
  await view.connected();
  await bot.receives('in a tunnel');
  await view.showsExactly('meanwhile', 'in a tunnel');
});

story('a reconnect does not move the row that is read', async (world) => {
  const bot = await world.bot('place', 'bot');
  await bot.say(...numbered(0, 49));
  const { gate, view } = await world.behindGate('place', 'Anna');
  await view.shows('n 49');
  await view.atBottom();
  await view.wheel(-500);
  const row = await view.watchMiddleRow();
  gate.shut();
  await view.disconnected();
  await bot.say('missed 1', 'missed 2');
  gate.reopen();
  await view.connected();
  await view.shows('missed 2');
  await row.assertStill();
});

story('leaving the page ends the membership with one leave', {
  settings: ['--resume-grace-seconds', '1'],
}, async (world) => {
  const view = await world.person('left', 'Anna');
  const bot = await world.bot('left', 'bot');
  await view.page.goto(`${world.server.origin}/`);
  await until('the leave', () => bot.of('leave').length > 0);
  await bot.say('after the leave');
  assert.deepEqual(bot.typesSinceGreeting, ['leave', 'normal']);
});

story('after the store is deleted the page drops the old messages', async (world) => {
  const { view } = await world.behindGate('wiped', 'Anna');
  await view.say('old');
  await view.say('older');
  await view.shows('older');
  await world.server.crash();
  await view.disconnected();
  await world.server.wipe();
  await world.server.restart();
  const bot = await world.bot('wiped', 'bot');
  await bot.say('new');
  await view.connected();
  await view.showsExactly('new');
});

story('a deployment with a new client offers a reload, which keeps the draft', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const page = await world.tab(await world.context({ serviceWorkers: 'block' }));
  const view = new RoomPage(page);
  await view.open(gate.origin, 'deploy', 'Anna');
  const notice = view.part('.new-version');
  const outage = async () => {
    const asked = page.waitForResponse(`${gate.origin}/`);
    gate.cut();
    await view.disconnected();
    await view.connected();
    await asked;
  };
  await outage();
  await view.say('the same client');
  await view.shows('the same client');
  assert.equal(await notice.count(), 0);
  await page.route(`${gate.origin}/`, async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace(/(xmeet-web-)[0-9a-f]+/g, '$1fedcba9876543210');
    await route.fulfill({ response, body });
  });
  await view.composer.focus();
  await page.keyboard.type('half typed');
  await outage();
  await notice.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'composer', 'no interruption');
  const loaded = page.waitForEvent('load');
  await view.part('.new-version-reload').click();
  await loaded;
  await view.connected();
  assert.equal(await view.composer.inputValue(), 'half typed');
  assert.equal(await notice.count(), 0);
});
