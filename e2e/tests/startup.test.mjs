// The start of the page: before the client runs, and where it cannot run.
import assert from 'node:assert/strict';
import { cpuTimeOf } from '../support/cpu.mjs';
import { networkMs, recordLoads } from '../support/load-model.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { outside } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** DevTools' "Fast 4G". */
const FAST_4G = {
  offline: false,
  latency: 165,
  downloadThroughput: (9e6 / 8) * 0.9,
  uploadThroughput: (1.5e6 / 8) * 0.9,
};

const PAGES = ['/', '/room/tea'];

/** Waits until the page says in its own language, and not in the other, that it did not start. */
async function reportsTrouble(page, own, other) {
  const trouble = page.getByRole('alert');
  await trouble.waitFor();
  const shown = await trouble.innerText();
  assert.ok(shown.includes(own.needs), shown);
  assert.ok(!shown.includes(other.needs), shown);
  assert.ok(await page.getByRole('link', { name: own.loadAgain }).isVisible());
}

for (const [locale, own, other] of [
  ['en-US', outside.en, outside.zh], ['zh-CN', outside.zh, outside.en],
]) {
  story(`without WebAssembly the page says what is missing, ${locale}`, async (world) => {
    world.complaints.allow(/WebAssembly/);
    const context = await world.context({ locale });
    await context.addInitScript(() => delete window.WebAssembly);
    const page = await world.tab(context);
    for (const path of PAGES) {
      await page.goto(world.server.origin + path);
      await reportsTrouble(page, own, other);
    }
  });

  story(`a file that fails to load is reported on the page, ${locale}`, async (world) => {
    world.complaints.allow(/ERR_FAILED|WebAssembly|fetch/);
    const context = await world.context({ locale, serviceWorkers: 'block' });
    const page = await world.tab(context);
    for (const file of ['**/*.wasm', '**/xmeet-web-*.js']) {
      await page.route(file, (route) => route.abort());
      for (const path of PAGES) {
        await page.goto(world.server.origin + path);
        await reportsTrouble(page, own, other);
      }
      await page.unroute(file);
    }
    // The link helps as soon as the file can be loaded.
    await page.getByRole('link', { name: own.loadAgain }).click();
    await page.locator('#composer').waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
  });
}

story('without JavaScript the page says what it needs', async (world) => {
  const page = await world.tab(await world.context({ javaScriptEnabled: false }));
  for (const path of PAGES) {
    await page.goto(world.server.origin + path);
    for (const words of [/It needs JavaScript/, /本页需要 JavaScript/]) {
      assert.ok(await page.getByText(words).isVisible(), `${path}: ${words}`);
    }
  }
});

story('the logo has its place and size before the client runs', async (world) => {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 360, height: 740 }]) {
    for (const path of PAGES) {
      const hand = viewport.width < 500 ? { isMobile: true, hasTouch: true } : {};
      const context = await world.context({ viewport, serviceWorkers: 'block', ...hand });
      const page = await world.tab(context);
      let release;
      const held = new Promise((resolve) => (release = resolve));
      await page.route('**/*.wasm', async (route) => {
        await held;
        await route.continue();
      });
      await page.goto(world.server.origin + path, { waitUntil: 'commit' });
      const mark = page.locator('#boot .brand .icon');
      await mark.waitFor();
      const look = (mark) => {
        const { x, y, width, height } = mark.getBoundingClientRect();
        const header = mark.closest('header').getBoundingClientRect();
        const { color } = getComputedStyle(mark);
        return { x, y, width, height, color, bar: header.height };
      };
      const before = await mark.evaluate(look);
      release();
      await page.locator('#boot').waitFor({ state: 'detached' });
      const after = await page.locator('.brand .icon').evaluate(look);
      assert.deepEqual(after, before, `${path} at ${viewport.width} px`);
      await context.close();
    }
  }
});

story('on Fast 4G the page is painted within 1.5 s and accepts text within 3 s', async (world) => {
  const context = await world.context();
  const page = await world.tab(context);
  await page.addInitScript(() => {
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shift += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', FAST_4G);
  const loaded = await recordLoads(page);
  const cpuTime = await cpuTimeOf(page);
  const view = new RoomPage(page);
  await view.goto(world.server.origin, 'first', 'Anna');
  await view.composer.fill('hello');
  const cpuMs = await cpuTime();
  const typed = await page.evaluate(() => performance.now());
  const painted = await until('a paint', () => page.evaluate(() =>
    performance.getEntriesByName('first-contentful-paint')[0]?.startTime));
  // A paint waits for the page and its render-blocking files only.
  const blocking = await page.evaluate(() => [location.href.split('?')[0],
    ...performance.getEntriesByType('resource')
      .filter(({ renderBlockingStatus }) => renderBlockingStatus === 'blocking').map(({ name }) => name)]);
  const loads = loaded().filter(({ url }) => url.startsWith('http'));
  const ofPaint = loads.filter(({ url }) => blocking.includes(url.split('?')[0]));
  assert.ok(ofPaint.length >= 2, `a page and a style among ${loads.map(({ url }) => url)}`);
  assert.ok(loads.some(({ url }) => url.endsWith('.wasm')), 'the client is among the loads');
  const paintMs = networkMs(ofPaint, FAST_4G) + cpuMs;
  const textMs = networkMs(loads, FAST_4G) + cpuMs;
  world.t.diagnostic(`measured: painted after ${Math.round(painted)} ms, text after ${Math.round(typed)} ms`);
  world.t.diagnostic(`computed: ${Math.round(paintMs)} and ${Math.round(textMs)} ms, of them ${Math.round(cpuMs)} ms of work`);
  assert.ok(paintMs < 1_500, `painted after ${paintMs} ms`);
  assert.ok(textMs < 3_000, `accepted text after ${textMs} ms`);
  await view.connected();
  const shift = await page.evaluate(() => window.shift);
  assert.ok(shift < 0.01, `the layout shifted by ${shift}`);
});
