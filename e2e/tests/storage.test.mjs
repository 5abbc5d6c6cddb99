// The browser's storage: unsent texts that survive their tab, separate sites, and removal on request.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { Server } from '../support/server.mjs';
import { serveBelowPaths } from '../support/two-sites.mjs';
import { until } from '../support/until.mjs';
import { wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Opens a further tab in the same browser. */
async function another(world, context, origin, room) {
  const view = new RoomPage(await world.tab(context, 'a later tab'));
  await view.goto(origin, room);
  return view;
}

/** The keys of this program in the browser's storage. */
const keys = (page) => page.evaluate(() => Object.keys(localStorage).concat(Object.keys(sessionStorage))
  .filter((key) => key.startsWith('xmeet')));

/** Sends texts while there is no connection. */
async function sayOffline(gate, view, ...texts) {
  gate.refuseSockets();
  await view.disconnected();
  for (const text of texts) await view.say(text);
  await until(async () => `the rows ${texts}; there are ${await view.texts()}`, async () => {
    const shown = await view.texts();
    return texts.every((text) => shown.includes(text));
  });
}

story('texts typed offline survive their tab and are sent once on the next visit', async (world) => {
  const { gate, view } = await world.behindGate('close', 'Anna');
  const bot = await world.bot('close', 'bot');
  await sayOffline(gate, view, 'one', 'two');
  await view.type('half typed');
  await view.page.close();
  const next = await another(world, view.page.context(), gate.origin, 'close');
  await until('both rows', async () => (await next.texts()).join() === 'one,two');
  assert.equal(await next.composer.inputValue(), 'half typed');
  gate.reopen();
  await next.connected();
  await next.shows('two');
  await next.say('fence');
  await bot.receives('fence');
  assert.deepEqual(bot.texts, ['one', 'two', 'fence']);
  await next.page.close();
  const last = await another(world, view.page.context(), gate.origin, 'close');
  await last.connected();
  await last.say('last');
  await bot.receives('last');
  assert.deepEqual(bot.texts, ['one', 'two', 'fence', 'last']);
});

story('a text unconfirmed when its tab was closed is found and not sent again', async (world) => {
  const { gate, view } = await world.behindGate('doubt', 'Anna');
  const bot = await world.bot('doubt', 'bot');
  gate.hold('down');
  await view.say('stored, unconfirmed');
  await bot.receives('stored, unconfirmed');
  await view.page.close();
  gate.cut();
  gate.release();
  const next = await another(world, view.page.context(), gate.origin, 'doubt');
  await next.connected();
  await next.shows('stored, unconfirmed');
  await next.say('fence');
  await bot.receives('fence');
  assert.deepEqual(bot.texts, ['stored, unconfirmed', 'fence']);
});

story('each of two open tabs sends its own texts once', async (world) => {
  const { gate, view } = await world.behindGate('two', 'Anna');
  const bot = await world.bot('two', 'bot');
  const other = await another(world, view.page.context(), gate.origin, 'two');
  await other.connected();
  await sayOffline(gate, view, 'from one');
  await sayOffline(gate, other, 'from the other');
  gate.reopen();
  for (const tab of [view, other]) await tab.connected();
  for (const tab of [view, other]) await tab.shows('from one');
  await view.shows('from the other');
  await view.say('fence');
  await bot.receives('fence');
  assert.deepEqual([...bot.texts].sort(), ['fence', 'from one', 'from the other']);
});

story('without locks one of three pages that open together takes over the text of a closed tab', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const context = await world.context();
  await context.addInitScript(() => { delete Navigator.prototype.locks; });
  const left = new RoomPage(await world.tab(context, 'Anna'));
  await left.open(gate.origin, 'plain', 'Anna');
  assert.equal(await left.page.evaluate(() => 'locks' in navigator), false);
  const bot = await world.bot('plain', 'bot');
  await sayOffline(gate, left, 'left behind');
  await left.page.close();
  const pages = await Promise.all(['one', 'two', 'three'].map((name) => world.tab(context, name)));
  const views = pages.map((page) => new RoomPage(page));
  await Promise.all(views.map((view) => view.goto(gate.origin, 'plain')));
  const holders = async () => {
    const texts = await Promise.all(views.map((view) => view.texts()));
    return texts.filter((shown) => shown.includes('left behind')).length;
  };
  await until('the text on a page', async () => await holders() > 0);
  const countEntries = () => views[0].page.evaluate(() => Object.entries(localStorage)
    .filter(([, value]) => value.includes('left%20behind')).length);
  assert.deepEqual([await holders(), await countEntries()], [1, 1]);
  gate.reopen();
  for (const view of views) await view.connected();
  assert.deepEqual(bot.texts, [], 'the person decides, because the closed tab may have sent it');
});

for (const [kind, off] of Object.entries({
  blocked: () => {
    const refuse = () => { throw new DOMException('denied', 'SecurityError'); };
    for (const area of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, area, { get: refuse });
    }
  },
  full: () => {
    Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
  },
})) {
  for (const locale of ['en-US', 'zh-CN']) {
    story(`storage that is ${kind} is reported once, and everything else works, ${locale}`, async (world) => {
      world.complaints.allowUnreachable();
      const gate = await world.gate();
      const context = await world.context({ locale });
      await context.addInitScript(off);
      const view = new RoomPage(await world.tab(context, 'Anna'));
      await view.open(gate.origin, 'off', 'Anna');
      const bot = await world.bot('off', 'bot');
      assert.equal(await view.part('.storage-failed').count(), 0, 'no text is unsent yet');
      await sayOffline(gate, view, 'typed offline');
      const notice = view.part('.storage-failed');
      await notice.waitFor();
      assert.ok((await notice.textContent()).includes(wordsOf(locale).storage_failed));
      await view.part('.storage-dismiss').click();
      await view.say('more');
      gate.reopen();
      await view.connected();
      await view.shows('more');
      assert.equal(await notice.count(), 0, 'the notice is shown once');
      await view.menu.click();
      await view.part('.menu-lines').click();
      await view.page.keyboard.press('Escape');
      await view.renameTo('Berta');
      await bot.receivesFrame('changename', 'Berta');
      assert.deepEqual(bot.texts, ['typed offline', 'more']);
    });
  }
}

story('fifty keys cause few writes, and a reload keeps the last one', async (world) => {
  const context = await world.context();
  await context.addInitScript(() => {
    window.writes = 0;
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (...entry) {
      window.writes += 1;
      return setItem.apply(this, entry);
    };
  });
  const view = new RoomPage(await world.tab(context, 'Anna'));
  await view.open(world.server.origin, 'keys', 'Anna');
  await view.composer.focus();
  const before = await view.page.evaluate(() => window.writes);
  const text = 'x'.repeat(50);
  const start = Date.now();
  await view.page.keyboard.type(text);
  const written = (await view.page.evaluate(() => window.writes)) - before;
  // At most two in each half second. On a busy machine the keys take longer and may cause more.
  const most = 4 + (Date.now() - start) / 250;
  assert.ok(written <= most, `${written} writes, ${most} at most`);
  await view.reload();
  assert.equal(await view.composer.inputValue(), text);
});

story('“Forget everything” leaves nothing of the client on the device', async (world) => {
  const { gate, view } = await world.behindGate('secret', 'Anna');
  const { page } = view;
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await view.say('read');
  await view.shows('read');
  await view.menu.click();
  await view.menuSwitch('lines').click();
  await page.keyboard.press('Escape');
  await sayOffline(gate, view, 'unsent');
  await view.type('half typed');
  await until('the stored draft', async () => (await keys(page)).some((key) => key.includes('draft')));
  await page.evaluate(() => localStorage.setItem('of another program', '1'));
  await view.menu.click();
  const forget = view.part('.menu-forget');
  await forget.click();
  assert.ok((await keys(page)).length > 0, 'the first press asks');
  await forget.click();
  await page.locator('.card').waitFor();
  assert.deepEqual((await keys(page)).filter((key) => /draft|outbox|read|member|rooms|uses|nickname|lines/.test(key)), []);
  assert.equal(await page.evaluate(() => localStorage.getItem('of another program')), '1');
  assert.equal(await page.evaluate(() => document.cookie), '');
  assert.equal(await page.locator('.recent').count(), 0);
  gate.reopen();
  const bot = await world.bot('secret', 'bot');
  const next = await another(world, page.context(), gate.origin, 'secret');
  await next.connected();
  assert.equal(await next.composer.inputValue(), '');
  await next.say('fence');
  await bot.receives('fence');
  assert.deepEqual(bot.texts, ['fence'], 'removed texts are not sent');
});

story('clearing the recent rooms removes everything stored for them', async (world) => {
  const view = await world.person('cleared', 'Anna');
  const { page } = view;
  await view.say('read');
  await view.shows('read');
  await view.type('half typed');
  await until('a draft', async () => (await keys(page)).some((key) => key.includes('draft:cleared')));
  await page.goto(`${world.server.origin}/`);
  await page.locator('.forget-rooms').click();
  await page.locator('.recent').waitFor({ state: 'detached' });
  assert.deepEqual((await keys(page)).filter((key) => key.includes('cleared')), []);
});

story('two sites on one origin share nothing', async (world) => {
  world.complaints.allowUnreachable();
  world.complaints.allow(/Failed to load resource/);
  const second = await Server.start();
  const servers = { '/a': world.server, '/b': second };
  const sites = await serveBelowPaths(servers);
  try {
    const context = await world.context();
    const page = await world.tab(context, 'Anna');
    const view = new RoomPage(page);
    const bots = { a: await world.bot('tea', 'at a') };
    await view.open(`${sites.origin}/a`, 'tea', 'Anna');
    await view.use(view.theme);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
    await world.server.crash();
    await view.disconnected();
    await view.say('meant for a');
    await view.type('half typed at a');
    await until('the draft', async () => (await keys(page)).some((key) => key.includes('draft')));
    await view.open(`${sites.origin}/b`, 'tea', 'Berta');
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
    assert.equal(await view.composer.inputValue(), '');
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), undefined);
    await view.say('meant for b');
    await view.showsExactly('meant for b');
    // The worker of each site caches its own page.
    await until('both caches', () => page.evaluate(async () => {
      const names = await caches.keys();
      return ['xmeet:/a/:', 'xmeet:/b/:'].every((site) => names.some((name) => name.startsWith(site)));
    }));
    await world.server.restart();
    await view.open(`${sites.origin}/a`, 'tea');
    await view.shows('meant for a');
    assert.equal(await view.composer.inputValue(), 'half typed at a');
    assert.deepEqual(bots.a.texts, []);
  } finally {
    sites.close();
    await second.remove();
  }
});
