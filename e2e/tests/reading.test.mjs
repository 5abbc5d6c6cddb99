// Reading: rows that grow, arrive late, fail or change do not move the row that is read.
import assert from 'node:assert/strict';
import { launch } from '../support/chromium.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { idsOf } from '../support/reading.mjs';
import { EYE_PX } from '../support/sizes.mjs';
import { mixedHeights } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';


const hasNewest = (view, id) =>
  until(`message ${id}`, async () => (await idsOf(view)).at(-1) === id);

/** Makes rows higher, as a late picture or font does. */
function grow(view, ...ids) {
  return view.log.evaluate((log, ids) => {
    for (const id of ids) log.querySelector(`[data-id="${id}"]`).style.minHeight = '240px';
  }, ids);
}

story('a row that grows late moves neither the bottom nor the row under the eye', async (world) => {
  const bot = await world.bot('grow', 'bot');
  await bot.say(...mixedHeights(1, 50));
  const view = await world.person('grow', 'Anna');
  await hasNewest(view, 50);
  await view.atBottom();
  await grow(view, 20, 49);
  await view.atBottom();
  await grow(view, 50);
  await view.atBottom();
  // As a larger font does.
  await view.log.evaluate((log) => (log.style.fontSize = '1.4em'));
  await view.atBottom();
  await view.wheel(-1_500);
  const row = await view.watchMiddleRow();
    await grow(view, 2, 5, 11);
  await bot.say('n 51');
  await hasNewest(view, 51);
  const { id, drift } = await row.stop();
  assert.ok(id > 11, `row ${id} is below those that grew`);
  assert.ok(drift <= EYE_PX, `the row under the eye moved by ${drift} px`);
});

story('an older page does not move the row under the eye, by keyboard and by jumps', async (world) => {
  const bot = await world.bot('keys', 'bot');
  await bot.say(...mixedHeights(1, 220));
  const gate = await world.gate();
  const view = await world.person('keys', 'Anna', { at: gate });
  await hasNewest(view, 220);
  await view.atBottom();
  const { keyboard } = view.page;
  await view.log.focus();
  assert.equal(await view.log.evaluate((log) => getComputedStyle(log).overflowAnchor), 'none',
    'scroll anchoring is off');
  const toTop = () => view.toTop();
  for (const move of [
    async () => {
      for (let press = 0; press < 20; press += 1) await keyboard.press('PageUp');
    },
    toTop,
    // From row to row, with the focus.
    async () => {
      for (let press = 0; press < 60; press += 1) await keyboard.press('ArrowUp');
    },
  ]) {
    gate.hold('down');
    await move();
    await view.atRest();
    const [oldest] = await idsOf(view);
    const row = await view.watchMiddleRow();
    gate.release();
    await until(`messages older than ${oldest}`, async () => (await idsOf(view))[0] < oldest);
    await row.assertStill();
  }
});

story('an older page does not move the row under the eye while the scrollbar is dragged', async (world) => {
  const bot = await world.bot('drag', 'bot');
  await bot.say(...mixedHeights(1, 200));
  const gate = await world.gate();
  // Playwright hides scrollbars by default.
  const browser = await launch({ ignoreDefaultArgs: ['--hide-scrollbars'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    world.complaints.watch(page, 'Anna');
    const view = new RoomPage(page);
    await view.open(gate.origin, 'drag', 'Anna');
    await hasNewest(view, 200);
    await view.atBottom();
    const bar = await view.log.evaluate((log) => {
      const { right, top, height } = log.getBoundingClientRect();
      const width = right - log.clientWidth;
      return { width, x: right - width / 2, top, height, thumb: height ** 2 / log.scrollHeight };
    });
    assert.ok(bar.width > 0, 'there is a scrollbar');
    gate.hold('down');
    let y = bar.top + bar.height - bar.thumb / 2;
    await page.mouse.move(bar.x, y);
    await page.mouse.down();
    while (y > bar.top + bar.thumb / 2 + 12) await page.mouse.move(bar.x, (y -= 12));
    await view.atRest();
    const [oldest] = await idsOf(view);
    const row = await view.watchMiddleRow();
    gate.release();
    await until(`messages older than ${oldest}`, async () => (await idsOf(view))[0] < oldest);
    const id = await row.assertStill();
    // A further drag continues from there.
    await page.mouse.move(bar.x, y - 1);
    await view.atRest();
    const now = (await (await view.watchMiddleRow()).stop()).id;
    assert.ok(Math.abs(now - id) <= 8, `from row ${id} to row ${now}`);
    await page.mouse.up();
  } finally {
    await browser.close();
  }
});

story('an older page is requested before the top is reached, with a spinner in reserved space', async (world) => {
  const bot = await world.bot('ahead', 'bot');
  await bot.say(...mixedHeights(1, 200));
  const gate = await world.gate();
  const { view, frames } = await world.watched('ahead', 'Anna', { at: gate });
  await hasNewest(view, 200);
  await view.atBottom();
  assert.deepEqual(frames.pageRequests, [], 'at the bottom no page is requested');
  const head = () => view.row('older').evaluate((row) => ({
    height: row.getBoundingClientRect().height,
    // The distance of the first message from the top of the list.
    first: row.parentElement.querySelector('[data-id]').offsetTop,
    spins: row.querySelector('.spinner') !== null,
  }));
  const before = await head();
  gate.hold('down');
  let top = Infinity;
  while (frames.pageRequests.length === 0) {
    await view.wheel(-200);
    top = await view.log.evaluate((log) => log.scrollTop);
    assert.ok(top > 0, 'no page was requested at the top');
  }
  assert.ok(top > 200, `requested at ${top} px from the top`);
  const loading = await head();
  assert.deepEqual({ ...loading, spins: false }, before);
  assert.ok(loading.spins && !before.spins);
  await view.toTop();
  await view.log.locator('.top .spinner').waitFor();
  gate.release();
  await until('the page', async () => (await idsOf(view))[0] <= 101);
});

story('a failed history page shows "Retry" in its place and is not requested in a loop', async (world) => {
  const bot = await world.bot('fails', 'bot');
  await bot.say(...mixedHeights(1, 120));
  const page = await world.tab(await world.context(), 'Anna');
  let requests = 0;
  let fails = true;
  // A store that cannot be read.
  await page.routeWebSocket(/\/xgate\/websocket\//, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((text) => {
      if (!text.startsWith('@history:')) return server.send(text);
      requests += 1;
      if (!fails) return server.send(text);
      return socket.send(JSON.stringify({
        from: '', xnest: 'fails', type: 'error', payload: 'cannot read', code: 'storage',
        send_time: '2015-4-8 14:2:6',
      }));
    });
  });
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'fails', 'Anna');
  await hasNewest(view, 120);
  await view.wheel(-5_000);
  const retry = view.part('.load-older');
  await until('an offer to retry', async () => (await retry.textContent()) === words.retry);
  assert.ok((await view.row('older').textContent()).includes(words.load_failed));
  for (const turn of [500, -5_000, 300, -5_000]) await view.wheel(turn);
  await bot.say('n 121');
  await hasNewest(view, 121);
  assert.equal(requests, 1, 'requested once');
  fails = false;
  await retry.click();
  await until('the page', async () => (await idsOf(view))[0] <= 71);
  const rows = await view.messages();
  assert.ok(rows.every((row) => row.id !== null), JSON.stringify(rows));
});

story('resizing, rotating and zooming keep the row in view, or the bottom', async (world) => {
  const bot = await world.bot('turn', 'bot');
  const long = 'a sentence that takes more lines where there is less room for it '.repeat(3);
  await bot.say(...Array.from({ length: 50 }, (_, index) => `n ${index + 1} ${long}`));
  for (const sizes of [
    // A phone is turned and turned back.
    [{ width: 360, height: 740 }, { width: 740, height: 360 }, { width: 360, height: 740 }],
    // A window zoomed to 200 % has half as many pixels.
    [{ width: 1280, height: 800 }, { width: 640, height: 400 }, { width: 1280, height: 800 }],
  ]) {
    const view = await world.person('turn', 'Anna', { viewport: sizes[0] });
    await hasNewest(view, 50);
    await view.atBottom();
    for (const size of sizes) {
      await view.page.setViewportSize(size);
      await view.atBottom();
    }
    await view.wheel(-1_200);
    const rows = () => view.log.evaluate((log) => {
      const frame = log.getBoundingClientRect();
      return [...log.querySelectorAll('[data-id]')].filter((row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return bottom > frame.top + 1 && top < frame.bottom - 1;
      }).map((row) => Number(row.dataset.id));
    });
    const [top] = await rows();
    for (const size of sizes.slice(1)) {
      await view.page.setViewportSize(size);
      await view.atRest();
      const now = await rows();
      assert.ok(now.includes(top), `${top} at ${size.width} px; in view are ${now}`);
    }
    await view.page.close();
  }
});

story('find in page finds the text of every loaded row, at least of the last 100', async (world) => {
  const bot = await world.bot('find', 'bot');
  const view = await world.person('find', 'Anna');
  await bot.say(...Array.from({ length: 600 }, (_, index) => `word${index + 1}end`));
  await hasNewest(view, 600);
  const ids = await idsOf(view);
  assert.ok(ids.length >= 100, `${ids.length} rows`);
  for (const id of [ids[0], 501, 555, 600]) {
    const found = await view.page.evaluate((word) => {
      getSelection().removeAllRanges();
      return window.find(word);
    }, `word${id}end`);
    assert.ok(found, `word ${id}`);
  }
  assert.equal(await view.page.evaluate(() => window.find('word1end')), false, 'the test can fail');
});

story('times are local and days begin at midnight, also after a change of time zone', async (world) => {
  const bot = await world.bot('zones', 'bot');
  await bot.say('late', 'early', 'noon');
  const page = await world.tab(await world.context(), 'Anna');
  const cdp = await page.context().newCDPSession(page);
  const zone = (timezoneId) => cdp.send('Emulation.setTimezoneOverride', { timezoneId });
  await zone('Asia/Shanghai');
  // Around midnight in Shanghai, which is 16:00 UTC, and at noon there.
  const moments = { late: [15, 58], early: [16, 2], noon: [28, 0] };
  await page.routeWebSocket(/\/xgate\/websocket\//, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      const frame = JSON.parse(text);
      if (frame.type === 'history') {
        for (const record of frame.payload) {
          record.ts = Date.UTC(2026, 0, 15, ...moments[record.payload]);
        }
      }
      socket.send(JSON.stringify(frame));
    });
  });
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'zones', 'Anna');
  await view.shows('noon');
  const rows = () => view.rows.evaluateAll((rows) => rows
    .filter((row) => ['day', 'message'].includes(row.dataset.row))
    .map((row) => (row.dataset.row === 'day'
      ? row.textContent.trim()
      : row.querySelector('time').textContent)));
  const full = (text) => view.message(text).locator('time').getAttribute('title');
  const [before, after] = ['Thursday, 15 January 2026', 'Friday, 16 January 2026'];
  await until(
    async () => `the rows of Shanghai; there are ${await rows()}`,
    async () => (await rows()).join() === [before, '23:58', after, '00:02', '12:00'].join(),
  );
  assert.match(await full('late'), /^Thursday, 15 January 2026 23:58(:00)? UTC\+08:00$/);
  // The time zone changes to that of New York.
  await zone('');
  await zone('America/New_York');
  const there = [before, '10:58', '11:02', '23:00'];
  await until(
    async () => `${there}; there are ${await rows()}`,
    async () => JSON.stringify(await rows()) === JSON.stringify(there),
  );
  assert.match(await full('late'), /UTC-05:00$|UTC−05:00$/);
  await view.atBottom();
});
