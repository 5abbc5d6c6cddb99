// Behind nginx, Caddy, Apache and HAProxy, set up by the files in deploy/: as a site of its own, and
// below a path.
import assert from 'node:assert/strict';
import { LandingPage } from '../support/landing-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** A room name that a proxy must not decode. */
const ROOM = 'a/b 聊%2F天';

/** Checks all that must work wherever the site begins. */
async function works(world, proxy) {
  const options = { at: proxy, ignoreHTTPSErrors: true, serviceWorkers: 'block' };
  const anna = await world.person(ROOM, 'Anna', options);
  const bert = await world.person(ROOM, 'Bert', options);
  const address = `${proxy.origin}/room/${encodeURIComponent(ROOM)}`;
  assert.equal(await anna.page.evaluate(() => location.href), address, 'without the nickname');
  assert.equal(await anna.name.textContent(), ROOM);
  await anna.say('from Anna');
  await bert.shows('from Anna');
  await bert.say('from Bert');
  await anna.shows('from Bert');
  await anna.reload();
  await anna.shows('from Bert');

  // Every file that the page loads is below the root of the site.
  const loaded = await anna.page.evaluate(() =>
    performance.getEntriesByType('resource').map((entry) => entry.name));
  assert.ok(loaded.length > 3, String(loaded));
  for (const url of loaded) assert.ok(url.startsWith(`${proxy.origin}/`), url);
  await anna.use(anna.share);
  assert.equal(await anna.part('#share-link').inputValue(), address);
  const code = anna.page.locator('#share-panel img');
  await until('the QR code', () => code.evaluate((image) => image.naturalWidth > 0));
  await anna.part('.share-close').click();
  await anna.page.locator('a.brand').click();
  const front = new LandingPage(anna.page);
  await front.form.waitFor();
  assert.equal(anna.page.url(), `${proxy.origin}/`);
  await front.recent.getByRole('link').first().click();
  await anna.connected();
  assert.equal(anna.page.url(), address);

  // A pasted address leads to its room.
  await bert.page.goto(`${proxy.origin}/`);
  await bert.page.locator('#room').fill(address);
  await bert.page.locator('.go').click();
  await bert.connected();
  assert.equal(await bert.name.textContent(), ROOM);
}

for (const kind of ['nginx', 'caddy', 'apache', 'haproxy']) {
  story(`everything works behind ${kind} as a site of its own`, { onSocket: true }, async (world) => {
    await works(world, await world.proxy(kind));
  });
}

story('everything works behind nginx below a path', {
  onSocket: true,
  settings: ['--path-prefix', '/chat'],
}, async (world) => {
  await works(world, await world.proxy('nginxBelow'));
});

story('everything works behind Caddy below a path that it strips', { onSocket: true }, async (world) => {
  await works(world, await world.proxy('caddyBelow'));
});

for (const [kind, settings] of [['nginxBelow', ['--path-prefix', '/chat']], ['caddyBelow', []]]) {
  story(`the path without a slash leads to the site, ${kind}`, { onSocket: true, settings }, async (world) => {
    const proxy = await world.proxy(kind);
    const page = await world.tab(await world.context());
    await page.goto(proxy.origin);
    await new LandingPage(page).form.waitFor();
    assert.equal(page.url(), `${proxy.origin}/`);
  });

  story(`below a path the page opens without a network, ${kind}`, { onSocket: true, settings }, async (world) => {
    world.complaints.allowUnreachable();
    world.complaints.allow(/Failed to load resource/);
    const proxy = await world.proxy(kind);
    const view = await world.person('tunnel', 'Anna', { at: proxy });
    await view.say('before the tunnel');
    await view.shows('before the tunnel');
    await until('the cached page', () => view.page.evaluate(async () => {
      const { scope } = await navigator.serviceWorker.ready;
      return new URL(scope).pathname === '/chat/' && (await caches.match('/chat/')) !== undefined;
    }));
    await proxy.stop();
    for (const path of ['/room/tunnel', '/room/another', '/']) {
      await view.page.goto(proxy.origin + path);
      await view.page.locator(path === '/' ? '.card' : '#composer').waitFor();
    }
  });
}
