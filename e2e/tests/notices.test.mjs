// Calling somebody who does not look: the tab's title and icon, notices of the system, the sound.
// And what screen readers are told.
import assert from 'node:assert/strict';
import { calls, directAttention, look, writeDownCalls } from '../support/attention.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';
import { clickNotification } from '../support/worker.mjs';

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

/** What was added to the element that is read aloud, in order. */
function listen(page) {
  return page.addInitScript(() => {
    window.aloud = [];
    const watch = () => {
      const announcer = document.querySelector('.announcer');
      if (!announcer) return requestAnimationFrame(watch);
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes) {
          addedNodes.forEach((node) => node.textContent && window.aloud.push(node.textContent));
        }
      }).observe(announcer, { childList: true });
    };
    requestAnimationFrame(watch);
  });
}

const aloud = (page) => page.evaluate(() => window.aloud);

story('a hidden tab shows the unread count in title and icon within 1 s, and clears it when read',
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

story('sound and notifications are off until turned on', async (world) => {
  const bot = await world.bot('off', 'bot');
  const view = await called(world, 'off', { permission: 'granted' });
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

story('a notification has author and text, leads to the room, and a burst of messages gives one',
  async (world) => {
    const bot = await world.bot('on', '小明');
    const context = await world.context();
    const view = await called(world, 'on', { context });
    await turn(view, 'notify', 'sound');
    const turnedOn = await calls(view.page);
    assert.deepEqual([turnedOn.asked, turnedOn.notices.length], [1, 0]);
    assert.equal(turnedOn.sounds, 1, 'what was chosen is heard once');
  
    await bot.say('somebody looks');
    await view.say('my own');
    await view.shows('my own');
    await look(view.page, 'unfocused');
    const long = 'x'.repeat(200);
    await bot.say(long, ...Array.from({ length: 20 }, (_, index) => `burst ${index}`));
    await view.shows('burst 19');
    // The tabs of the room agree first on which of them notifies.
    await until('the notice and its sound', async () => {
      const { notices, sounds } = await calls(view.page);
      return notices.length > 0 && sounds > 1;
    });
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
    await look(next.page, 'hidden');
    await bot.say('the next day');
    await until('a notice', async () => (await calls(next.page)).notices.length === 1);
    assert.equal((await calls(next.page)).asked, 0);
  });

story('own messages, history and messages missed during an outage cause no notification', async (world) => {
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
  assert.deepEqual((await calls(view.page)).notices, []);
  await bot.say('and this is new');
  await until('a notice', async () => (await calls(view.page)).notices.length === 1);
});

story('permission denied: the switch stays off and says why', async (world) => {
  const view = await called(world, 'denied', { answer: 'denied' });
  await view.menu.click();
  await view.menuSwitch('notify').click();
  await view.page.getByRole('switch', { name: /blocked in your browser settings/ }).waitFor();
  assert.equal(await view.menuSwitch('notify').getAttribute('aria-checked'), 'false');
  assert.equal((await calls(view.page)).asked, 1);
});

story('where only the service worker can show notifications, it shows them', async (world) => {
  const bot = await world.bot('phone', 'bot');
  const view = await called(world, 'phone', { constructs: false });
  await view.page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await turn(view, 'notify');
  await look(view.page, 'hidden');
  await bot.say('hello');
  await until('a notice', async () => (await calls(view.page)).notices.length === 1);
  assert.deepEqual((await calls(view.page)).notices, [
    { title: 'bot · phone', body: 'hello', tag: 'phone', data: '/room/phone' },
  ]);
});

story('a click on a notification of the service worker focuses the tab of its room, or opens one', async (world) => {
  const context = await world.context({ permissions: ['notifications'] });
  const tea = new RoomPage(await world.tab(context, 'Anna'));
  await tea.open(world.server.origin, 'tea', 'Anna');
  await tea.page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  const other = new RoomPage(await world.tab(context, 'Anna'));
  await other.open(world.server.origin, '小明 室', 'Anna');
  const [worker] = context.serviceWorkers();
  const { origin } = world.server;
  const room = (name) => `/room/${encodeURIComponent(name)}`;
  for (const [data, called] of [
    [room('tea'), { focused: [tea.page.url()], opened: [] }],
    [room('小明 室'), { focused: [other.page.url()], opened: [] }],
    [room('te'), { focused: [], opened: [`${origin}/room/te`] }],
    [room('tea/'), { focused: [], opened: [`${origin}/room/tea%2F`] }],
    [undefined, { focused: [], opened: [`${origin}/`] }],
    ['https://example.org/room/tea', { focused: [], opened: [`${origin}/`] }],
    ['//example.org/room/tea', { focused: [], opened: [`${origin}/`] }],
    ['javascript:alert(1)', { focused: [], opened: [`${origin}/`] }],
  ]) {
    assert.deepEqual(await clickNotification(worker, data), { ...called, left: 0 }, String(data));
  }
  await other.page.close();
  assert.deepEqual(
    await clickNotification(worker, room('小明 室')),
    { focused: [], opened: [`${origin}${room('小明 室')}`], left: 0 },
    'a tab that was closed',
  );
});

story('where no notification can be shown, the switch stays off and says why', async (world) => {
  const context = await world.context({ serviceWorkers: 'block' });
  const view = await called(world, 'none', { constructs: false, context });
  await view.menu.click();
  await view.menuSwitch('notify').click();
  await view.page.getByRole('switch', { name: /can’t show notifications here/ }).waitFor();
  assert.equal(await view.menuSwitch('notify').getAttribute('aria-checked'), 'false');
});

story('a notification that fails turns the switch off and says why', async (world) => {
  const bot = await world.bot('stops', 'bot');
  const view = await called(world, 'stops', { constructs: false, workerShows: false });
  await view.page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await turn(view, 'notify');
  await look(view.page, 'hidden');
  await bot.say('hello');
  await until('the attempt', async () => (await calls(view.page)).refused === 1);
  await look(view.page, 'here');
  await view.menu.click();
  await view.page.getByRole('switch', { name: /can’t show notifications here/ }).waitFor();
  assert.equal(await view.menuSwitch('notify').getAttribute('aria-checked'), 'false');
});

story('of two tabs of a room one notifies, and none while one of them is read', async (world) => {
  const bot = await world.bot('pair', 'bot');
  const context = await world.context();
  const one = await called(world, 'pair', { context, permission: 'granted' });
  await turn(one, 'notify');
  const other = await called(world, 'pair', { context, permission: 'granted' });
  for (const view of [one, other]) {
    await look(view.page, 'hidden');
  }
  const notices = async () => [...(await calls(one.page)).notices, ...(await calls(other.page)).notices];
  await bot.say('for nobody who looks');
  await until('a notice', async () => (await notices()).length > 0);
  await look(other.page, 'here');
  await bot.say('for the reader of one tab, @Anna');
  await other.shows('for the reader of one tab, @Anna');
  await look(other.page, 'hidden');
  await bot.say('once more, @Anna');
  await until('the next notice', async () =>
    (await notices()).some(({ body }) => body === 'once more, @Anna'));
  assert.deepEqual((await notices()).map(({ body }) => body), ['for nobody who looks', 'once more, @Anna']);
});

story('a screen reader announces author and text of each live message of others, and no history', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const bot = await world.bot('aloud', 'bot');
  await bot.say(...Array.from({ length: 80 }, (_, index) => `old ${index}`));
  const page = await world.tab(await world.context(), 'Anna');
  await listen(page);
  const view = new RoomPage(page);
  await view.open(gate.origin, 'aloud', 'Anna');
  await view.shows('old 79');
  await bot.say('live 1');
  await view.shows('live 1');
  await view.say('my own');
  await view.shows('my own');
  // An older page is on its way while somebody speaks.
  gate.hold('up');
  await until('a page to be asked for', async () => {
    await view.wheel(-3_000);
    return (await view.log.getByText('Loading older messages').count()) > 0;
  });
  await bot.say('said during a load');
  await view.shows('said during a load');
  gate.release();
  await until('the beginning', async () => {
    await view.wheel(-3_000);
    return (await view.beginning.count()) > 0;
  });
  gate.shut();
  await view.disconnected();
  await bot.say('old and missed');
  gate.reopen();
  await view.connected();
  await view.shows('old and missed');
  await bot.say('live 2');
  await view.shows('live 2');
  await until('the last to be read', async () => (await aloud(page)).includes('bot: live 2'));
  assert.deepEqual(await aloud(page), ['bot: live 1', 'bot: said during a load', 'bot: live 2']);
  assert.equal(await view.log.getAttribute('aria-live'), 'off', 'rows are not read by themselves');
});

story('joins and leaves are announced as one summary after a quiet time', async (world) => {
  const page = await world.tab(await world.context(), 'Anna');
  await listen(page);
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'arrivals', 'Anna');
  const bots = [];
  for (let n = 0; n < 8; n += 1) bots.push(await world.bot('arrivals', `guest${n}`));
  await until('the summary', async () => (await aloud(page)).length > 0, 20_000);
  assert.deepEqual(await aloud(page), ['guest0, guest1, guest2 and 5 more joined']);
  bots[0].send('@changename:Zoe');
  await until('the new name', async () => (await aloud(page)).length > 1);
  assert.equal((await aloud(page)).at(-1), 'guest0 is now called Zoe');
});

story('a lost and a restored connection are announced once each', async (world) => {
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
