// Calling somebody who does not look: the tab's title and icon, notices of the system, the sound.
// And what screen readers are told.
import assert from 'node:assert/strict';
import { calls, directAttention, look, writeDownCalls } from '../support/attention.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** Within this the tab shows what came, in milliseconds. */
const TAB_MS = 1_000;

/** Somebody whose attention the test directs, and whose calls are written down. */
async function called(world, room, { at = world.server, context, ...options } = {}) {
  const page = await world.tab(context ?? (await world.context()), 'Anna');
  await directAttention(page);
  await writeDownCalls(page, options);
  const view = new RoomPage(page);
  await view.open(at.origin, room, 'Anna');
  return view;
}

/** Opens the menu, turns switches, and closes it. */
async function turn(view, ...names) {
  await view.menu.click();
  for (const name of names) await view.menuSwitch(name).click();
  await view.page.keyboard.press('Escape');
  await view.menuPanel.waitFor({ state: 'hidden' });
}

const iconOf = (view) => view.page.locator('link[rel="icon"]').getAttribute('href');

/** Waits until what is new is new: what came with the greeting is over. */
const settled = (view) => until('the log to be live', async () =>
  (await view.log.getAttribute('aria-live')) === 'polite');

story('Hidden tab: title and icon show the unread count within 1 s; both clear when read',
  async (world) => {
    const bot = await world.bot('tab', 'bot');
    const view = await called(world, 'tab');
    await view.say('first');
    await view.shows('first');
    const plain = await iconOf(view);
    for (const how of ['hidden', 'unfocused']) {
      await look(view.page, how);
      const start = performance.now();
      await bot.say('one', 'two', 'three');
      await until(
        async () => `a 3 in the title; it is ${await view.page.title()}`,
        async () => (await view.page.title()) === '(3) tab · XMeet',
        TAB_MS,
      );
      assert.match(decodeURIComponent(await iconOf(view)), /^data:image\/svg\+xml,<svg.*>3<\/text>/);
      assert.ok(performance.now() - start < TAB_MS);
      await look(view.page, 'here');
      await until('the title to be clear', async () =>
        (await view.page.title()) === 'tab · XMeet', TAB_MS);
      assert.equal(await iconOf(view), plain);
    }
    await look(view.page, 'hidden');
    await bot.say(...Array.from({ length: 12 }, (_, index) => `more ${index}`));
    await until('a 12', async () => (await view.page.title()) === '(12) tab · XMeet');
    assert.match(decodeURIComponent(await iconOf(view)), />9\+<\/text>/);
  });

story('Sound and desktop notices are off until chosen', async (world) => {
  const bot = await world.bot('off', 'bot');
  const view = await called(world, 'off', { permission: 'granted' });
  await settled(view);
  await look(view.page, 'hidden');
  await bot.say('nobody asked for this');
  await view.shows('nobody asked for this');
  assert.deepEqual(await calls(view.page), { asked: 0, notices: [], sounds: 0 });
  await look(view.page, 'here');
  await view.menu.click();
  for (const name of ['notify', 'sound']) {
    assert.equal(await view.menuSwitch(name).getAttribute('aria-checked'), 'false');
  }
});

story('chosen, a notice tells author and text, leads back here, and a burst gives one',
  async (world) => {
    const bot = await world.bot('on', '小明');
    const context = await world.context();
    const view = await called(world, 'on', { context });
    await turn(view, 'notify', 'sound');
    const turnedOn = await calls(view.page);
    assert.deepEqual([turnedOn.asked, turnedOn.notices.length], [1, 0]);
    assert.equal(turnedOn.sounds, 1, 'what was chosen is heard once');
    await settled(view);

    await bot.say('somebody looks');
    await view.say('my own');
    await view.shows('my own');
    await look(view.page, 'unfocused');
    const long = 'x'.repeat(200);
    await bot.say(long, ...Array.from({ length: 20 }, (_, index) => `burst ${index}`));
    await view.shows('burst 19');
    const { notices, sounds } = await calls(view.page);
    assert.deepEqual(notices, [
      { title: '小明 · on', body: `${'x'.repeat(120)}…`, tag: 'on', renotify: true },
    ]);
    assert.equal(sounds, 2, 'one for the switch and one for the burst');
    await view.page.evaluate(() => {
      window.focus = () => (window.calls.cameBack = true);
      window.notice.onclick(new Event('click'));
    });
    const { closed, cameBack } = await calls(view.page);
    assert.deepEqual([closed, cameBack], [true, true]);

    // Chosen once, it is chosen for the next visit as well.
    await view.page.close();
    const next = await called(world, 'on', { context, permission: 'granted' });
    await settled(next);
    await look(next.page, 'hidden');
    await bot.say('the next day');
    await until('a notice', async () => (await calls(next.page)).notices.length === 1);
    assert.equal((await calls(next.page)).asked, 0);
  });

story('never for one\'s own messages, replayed history or a reconnect\'s catch-up', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const bot = await world.bot('replay', 'bot');
  await bot.say('history');
  const view = await called(world, 'replay', { at: gate, permission: 'granted' });
  await turn(view, 'notify');
  await look(view.page, 'hidden');
  await view.page.reload();
  await view.page.evaluate(() => {
    window.attention.isHidden = true;
    window.attention.isFocused = false;
  });
  await view.connected();
  await view.shows('history');
  gate.shut();
  await view.disconnected();
  // Typed where nobody looks: only a test can.
  await view.say('my own');
  await bot.say('missed');
  gate.reopen();
  await view.connected();
  await view.shows('my own');
  await view.shows('missed');
  await settled(view);
  assert.deepEqual((await calls(view.page)).notices, []);
  await bot.say('and this is new');
  await until('a notice', async () => (await calls(view.page)).notices.length === 1);
});

story('a browser that denies notices: it is said, and the switch stays off', async (world) => {
  const view = await called(world, 'denied', { answer: 'denied' });
  await view.menu.click();
  await view.menuSwitch('notify').click();
  await view.page.getByRole('switch', { name: /The browser does not allow notices/ }).waitFor();
  assert.equal(await view.menuSwitch('notify').getAttribute('aria-checked'), 'false');
  assert.equal((await calls(view.page)).asked, 1);
});

/** Writes down, for each row that comes into the list, whether it is read aloud. */
function listen(page) {
  return page.addInitScript(() => {
    window.rowsAloud = [];
    const watch = () => {
      const log = document.querySelector('[data-testid="log"]');
      if (!log) return requestAnimationFrame(watch);
      const note = (row) => {
        const text = row.querySelector?.('[data-testid="text"]')?.textContent;
        if (text) window.rowsAloud.push({ text, live: log.getAttribute('aria-live') });
      };
      log.querySelectorAll('[data-row="message"]').forEach(note);
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes) addedNodes.forEach(note);
      }).observe(log, { childList: true, subtree: true });
    };
    requestAnimationFrame(watch);
  });
}

story('A screen reader announces author and text of each new live row; the rows at join, older '
  + 'pages and a reconnect\'s catch-up are not read aloud', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const bot = await world.bot('aloud', 'bot');
  await bot.say(...Array.from({ length: 80 }, (_, index) => `old ${index}`));
  const page = await world.tab(await world.context(), 'Anna');
  await listen(page);
  const view = new RoomPage(page);
  await view.open(gate.origin, 'aloud', 'Anna');
  await view.shows('old 79');
  await settled(view);
  await bot.say('live 1');
  await view.shows('live 1');
  await until('the beginning', async () => {
    await view.wheel(-3_000);
    return (await view.beginning.count()) > 0;
  });
  await settled(view);
  gate.shut();
  await view.disconnected();
  await bot.say('old and missed');
  gate.reopen();
  await view.connected();
  await view.shows('old and missed');
  await settled(view);
  await bot.say('live 2');
  await view.shows('live 2');
  const rows = await page.evaluate(() => window.rowsAloud);
  const said = (rows) => [...new Set(rows.map(({ text }) => text))];
  assert.equal(said(rows).length, 83);
  assert.deepEqual(said(rows.filter(({ live }) => live !== 'off')), ['live 1', 'live 2']);
  assert.equal((await view.messages()).at(-1).author, 'bot', 'the author is in the row');
});

story('"Connection lost" and "connected again" are announced once each', async (world) => {
  const { gate, view } = await world.behindGate('turns', 'Anna');
  const said = await view.connection.evaluateHandle((badge) => {
    const status = badge.querySelector('[role="status"]');
    const said = [];
    new MutationObserver(() => said.push(status.textContent))
      .observe(status, { childList: true, characterData: true, subtree: true });
    return said;
  });
  gate.shut();
  await until('two attempts', async () => {
    await view.disconnected();
    return view.tryNow.click({ timeout: 2_000 }).then(() => true, () => false);
  });
  gate.reopen();
  await view.connected();
  await until('both', async () => (await said.jsonValue()).length >= 2);
  assert.deepEqual(await said.jsonValue(), ['Connection lost', 'Connected again']);
});
