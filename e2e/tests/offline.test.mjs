// The client without a network and as an installed application: the cache of its files.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Waits until the service worker has cached the page. */
async function cached(page) {
  await until('the cached page', () => page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    return (await caches.match('/')) !== undefined;
  }));
}

/** Returns the cached paths by the name of their cache. */
function contents(page) {
  return page.evaluate(async () => {
    const found = {};
    for (const name of await caches.keys()) {
      const requests = await (await caches.open(name)).keys();
      found[name] = requests.map((request) => new URL(request.url).pathname).sort();
    }
    return found;
  });
}

story('a room opened offline shows its state and the draft', async (world) => {
  const { gate, view } = await world.behindGate('tunnel', 'Anna');
  await view.say('before the tunnel');
  await view.shows('before the tunnel');
  await view.type('half typed');
  await cached(view.page);
  gate.shut();
  for (const locale of ['en', 'zh-CN']) {
    await view.page.evaluate((tag) => localStorage.setItem('xmeet:/:language', tag), locale);
    await view.page.reload();
    await view.disconnected();
    await view.log.getByText(wordsOf(locale).offline_title).waitFor();
    assert.equal(await view.name.textContent(), 'tunnel');
    assert.equal(await view.composer.inputValue(), 'half typed');
  }
  await view.goto(gate.origin, 'another room');
  await view.disconnected();
  assert.equal(await view.name.textContent(), 'another room', 'a room that was never opened before');
  await view.goto(gate.origin, 'tunnel');
  await view.composer.press('Enter');
  await view.log.getByText('half typed').waitFor();
  gate.reopen();
  await view.tryNow.click();
  await view.connected();
  await view.showsExactly('before the tunnel', 'half typed');
  assert.equal(await view.log.getByText(wordsOf('zh-CN').offline_title).count(), 0);
});

story('the front page opens without a network', async (world) => {
  const { gate, view } = await world.behindGate('front', 'Anna');
  await cached(view.page);
  gate.shut();
  await view.page.goto(`${gate.origin}/`);
  await view.page.locator('.card').waitFor();
});

story('the cache keeps one version of the client and no messages', async (world) => {
  const view = await world.person('private', 'Anna');
  const { page } = view;
  await view.say('a message');
  await view.shows('a message');
  await view.share.click();
  await cached(page);
  // The caches of an earlier version.
  await page.evaluate(async () => {
    for (const older of ['xmeet:/:xmeet-0f', 'xmeet-0f']) {
      await (await caches.open(older)).put('/old.js', new Response('old'));
    }
    await (await caches.open('xmeet:/b/:xmeet-0f')).put('/b/', new Response('another site'));
    await (await navigator.serviceWorker.ready).unregister();
  });
  await view.reload();
  await until('no cache of an earlier version', async () =>
    !Object.keys(await contents(page)).some((name) => /^xmeet(:\/:xmeet)?-0f$/.test(name)));
  await cached(page);
  const found = Object.entries(await contents(page));
  const [[name, paths], ...others] = found.filter(([name]) => !name.startsWith('xmeet:/b/'));
  assert.equal(found.length, 2, 'the cache of another site stays');
  assert.deepEqual(others, []);
  assert.match(name, /^xmeet:\/:xmeet-[0-9a-f]{16}$/);
  const hashed = paths.filter((path) => path !== '/');
  assert.equal(hashed.length, paths.length - 1, 'the page is cached once');
  for (const path of hashed) assert.match(path, /-[0-9a-f]{12,16}(_bg)?\.(js|css|wasm|svg)$/);
  for (const kind of ['js', 'css', 'wasm']) {
    assert.ok(hashed.some((path) => path.endsWith(`.${kind}`)), `${kind} of ${hashed}`);
  }
});

story('the cached page is shown only if the server does not answer', async (world) => {
  const { gate, view } = await world.behindGate('fresh', 'Anna');
  world.complaints.allow(/Failed to load resource: net::ERR_/);
  const { page } = view;
  await cached(page);
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    const headers = { 'content-type': 'text/html' };
    await cache.put('/', new Response('<!doctype html><title>kept</title>', { headers }));
  });
  await view.reload();
  assert.notEqual(await page.title(), 'kept');
  gate.shut();
  await page.reload();
  assert.equal(await page.title(), 'kept');
});

story('a file evicted from the cache is cached again at the next visit', async (world) => {
  const { gate, view } = await world.behindGate('evicted', 'Anna');
  const { page } = view;
  await cached(page);
  const countFiles = () => page.evaluate(async () => {
    const [name] = await caches.keys();
    return (await (await caches.open(name)).keys()).length;
  });
  await until('all files', async () => (await countFiles()) > 3);
  const before = await countFiles();
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    const program = (await cache.keys()).find(({ url }) => url.endsWith('.wasm'));
    await cache.delete(program);
  });
  await view.reload();
  await until('the file', async () => (await countFiles()) === before);
  gate.shut();
  await page.reload();
  await view.disconnected();
});

story('a page of another program is not cached', async (world) => {
  const { gate, view } = await world.behindGate('login', 'Anna');
  const { page } = view;
  await cached(page);
  const isCached = () => page.evaluate(async () => (await (await caches.match('/')).text()).includes('xmeet-web-'));
  assert.equal(await isCached(), true);
  // A proxy that asks for a login: the worker receives its form instead of the page.
  await page.context().route(`${gate.origin}/`, (route) => route.fulfill({
    contentType: 'text/html', body: '<!doctype html><html><title>Sign in</title>',
  }));
  await page.evaluate(async () => {
    const cache = await caches.open((await caches.keys())[0]);
    await cache.delete((await cache.keys()).find(({ url }) => url.endsWith('.wasm')));
  });
  await view.reload();
  await view.say('still here');
  await view.shows('still here');
  assert.equal(await isCached(), true);
});

story('a cached page shown for a slow server checks for a newer client', async (world) => {
  const { gate, view } = await world.behindGate('newer', 'Anna');
  const { page } = view;
  await cached(page);
  let requests = 0;
  await page.context().route(`${gate.origin}/`, async (route) => {
    requests += 1;
    await route.fulfill({ contentType: 'text/html', body: "<html>'./xmeet-web-ffffffffffffffff.js'" });
  });
  gate.hold('down');
  await page.reload({ waitUntil: 'commit' });
  await page.locator('#composer').waitFor();
  gate.release();
  await view.connected();
  await page.locator('.new-version').waitFor();
  assert.ok(requests > 0);
});

story('the client can be installed', async (world) => {
  const landing = await world.visitor();
  const { page } = landing;
  const manifest = await page.evaluate(async () => {
    const link = document.querySelector('link[rel=manifest]');
    const response = await fetch(link.href);
    return { type: response.headers.get('content-type'), ...(await response.json()) };
  });
  assert.match(manifest.type, /^application\/manifest\+json/);
  assert.equal(manifest.start_url, './');
  assert.equal(manifest.display, 'standalone');
  assert.ok(manifest.name && manifest.short_name);
  assert.ok(manifest.icons.some((icon) => icon.purpose === 'maskable'));
  const touchIcon = await page.locator('link[rel=apple-touch-icon]').getAttribute('href');
  const icons = [...manifest.icons, { src: touchIcon, sizes: '180x180', type: 'image/png' }];
  for (const { src, sizes, type } of icons) {
    const found = await page.evaluate(async (src) => {
      const image = new Image();
      image.src = src;
      await image.decode();
      const response = await fetch(src);
      const { naturalWidth: width, naturalHeight: height } = image;
      const bytes = (await response.arrayBuffer()).byteLength;
      return { size: `${width}x${height}`, type: response.headers.get('content-type'), bytes };
    }, src);
    assert.equal(found.type, type, src);
    if (sizes !== 'any') assert.equal(found.size, sizes, src);
    assert.ok(found.bytes < 8_192, `${src}: ${found.bytes} bytes`);
  }
  const cdp = await page.context().newCDPSession(page);
  const { errors } = await cdp.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
});

story('the service worker is revalidated at each visit and changes with the client', async (world) => {
  const landing = await world.visitor();
  const answer = await landing.page.request.get(`${world.server.origin}/sw.js`);
  assert.equal(answer.status(), 200);
  assert.match(answer.headers()['content-type'], /^text\/javascript/);
  assert.match(answer.headers()['cache-control'], /no-cache/);
  assert.ok(answer.headers().etag);
  assert.match(await answer.text(), /"xmeet-[0-9a-f]{16}"/, 'the script names its version');
});
