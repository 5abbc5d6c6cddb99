// Notifications: title and icon of the tab, notifications of the system, sounds, and announcements
// for screen readers.
import assert from 'node:assert/strict';
import { calls, directAttention, look, recordCalls } from '../support/attention.mjs';
import { stopClock, withinPageTime } from '../support/page-time.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';
import { clickNotification } from '../support/worker.mjs';

/** The longest time until a hidden tab shows a message, in milliseconds. */
const TAB_MS = 1_000;

/** A person whose attention the test controls, and whose notifications are recorded. */
async function notified(world, room, { at = world.server, context, hasClock, ...options } = {}) {
  const page = await world.tab(context ?? (await world.context()), 'Anna');
  if (hasClock) await page.clock.install();
  await directAttention(page);
  await recordCalls(page, options);
  const view = new RoomPage(page);
  await view.open(at.origin, room, 'Anna');
  return view;
}

/** Opens the menu, turns switches, and closes the menu. */
async function turn(view, ...names) {
  await view.menu.click();
  for (const name of names) await view.menuSwitch(name).click();
  await view.page.keyboard.press('Escape');
  await view.menuPanel.waitFor({ state: 'hidden' });
}

const iconOf = (view) => view.page.locator('link[rel="icon"]').getAttribute('href');

/** Records what is added to the element that screen readers read, in order. */
function recordAnnouncements(page) {
  return page.addInitScript(() => {
    window.announced = [];
    const watch = () => {
      const announcer = document.querySelector('.announcer');
      if (!announcer) return requestAnimationFrame(watch);
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes) {
          addedNodes.forEach((node) => node.textContent && window.announced.push(node.textContent));
        }
      }).observe(announcer, { childList: true });
    };
    requestAnimationFrame(watch);
  });
}

const announced = (page) => page.evaluate(() => window.announced);

story('a hidden tab shows the unread count in title and icon within 1 s, and clears it when read',
  async (world) => {
    const bot = await world.bot('tab', 'bot');
    const view = await notified(world, 'tab', { hasClock: true });
    await view.say('first');
    await view.shows('first');
    const plain = await iconOf(view);
    for (const how of ['hidden', 'unfocused']) {
      await look(view.page, how);
      await stopClock(view.page);
      await bot.say('one', 'two', 'three');
      await withinPageTime(view.page, TAB_MS, 'a 3 in title and icon', async () =>
        (await view.page.title()) === '(3) tab · XMeet'
          && /^data:image\/svg\+xml,<svg.*>3<\/text>/.test(decodeURIComponent(await iconOf(view))));
      await stopClock(view.page);
      await look(view.page, 'here');
      await withinPageTime(view.page, TAB_MS, 'a title without a count', async () =>
        (await view.page.title()) === 'tab · XMeet');
      assert.equal(await iconOf(view), plain);
    }
    await look(view.page, 'hidden');
    await bot.say(...Array.from({ length: 12 }, (_, index) => `more ${index}`));
    await until('a 12', async () => (await view.page.title()) === '(12) tab · XMeet');
    assert.match(decodeURIComponent(await iconOf(view)), />9\+<\/text>/);
  });

story('sound and notifications are off until turned on', async (world) => {
  const bot = await world.bot('off', 'bot');
  const view = await notified(world, 'off', { permission: 'granted' });
  await look(view.page, 'hidden');
  await bot.say('no notification');
  await view.shows('no notification');
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
    const view = await notified(world, 'on', { context });
    await turn(view, 'notify', 'sound');
    const turnedOn = await calls(view.page);
    assert.deepEqual([turnedOn.asked, turnedOn.notices.length], [1, 0]);
    assert.equal(turnedOn.sounds, 1, 'the chosen sound is played once');
  
    await bot.say('the tab is read');
    await view.say('my own');
    await view.shows('my own');
    await look(view.page, 'unfocused');
    const long = 'x'.repeat(200);
    await bot.say(long, ...Array.from({ length: 20 }, (_, index) => `burst ${index}`));
    await view.shows('burst 19');
    // The tabs of the room first elect the one that notifies.
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

    // The choice is kept for the next visit.
    await view.page.close();
    const next = await notified(world, 'on', { context, permission: 'granted' });
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
  const view = await notified(world, 'replay', { at: gate, permission: 'granted' });
  await turn(view, 'notify');
  await look(view.page, 'hidden');
  await view.page.reload();
  await view.page.evaluate(() => {
    window.attention.isHidden = true;
    window.attention.isFocused = false;
  });
  await view.greeted();
  await view.shows('history');
  gate.shut();
  await view.disconnected();
  // Only a test can type into a hidden page.
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
  const view = await notified(world, 'denied', { answer: 'denied' });
  await view.menu.click();
  await view.menuSwitch('notify').click();
  await view.page.getByRole('switch', { name: words.notify_denied }).waitFor();
  assert.equal(await view.menuSwitch('notify').getAttribute('aria-checked'), 'false');
  assert.equal((await calls(view.page)).asked, 1);
});

story('where only the service worker can show notifications, it shows them', async (world) => {
  const bot = await world.bot('phone', 'bot');
  const view = await notified(world, 'phone', { constructs: false });
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
  for (const [data, expected] of [
    [room('tea'), { focused: [tea.page.url()], opened: [] }],
    [room('小明 室'), { focused: [other.page.url()], opened: [] }],
    [room('te'), { focused: [], opened: [`${origin}/room/te`] }],
    [room('tea/'), { focused: [], opened: [`${origin}/room/tea%2F`] }],
    [undefined, { focused: [], opened: [`${origin}/`] }],
    ['https://example.org/room/tea', { focused: [], opened: [`${origin}/`] }],
    ['//example.org/room/tea', { focused: [], opened: [`${origin}/`] }],
    ['javascript:alert(1)', { focused: [], opened: [`${origin}/`] }],
  ]) {
    assert.deepEqual(await clickNotification(worker, data), { ...expected, left: 0 }, String(data));
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
  const view = await notified(world, 'none', { constructs: false, context });
  await view.menu.click();
  await view.menuSwitch('notify').click();
  await view.page.getByRole('switch', { name: words.notify_failed }).waitFor();
  assert.equal(await view.menuSwitch('notify').getAttribute('aria-checked'), 'false');
});

story('a notification that fails turns the switch off and says why', async (world) => {
  const bot = await world.bot('stops', 'bot');
  const view = await notified(world, 'stops', { constructs: false, workerShows: false });
  await view.page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
  await turn(view, 'notify');
  await look(view.page, 'hidden');
  await bot.say('hello');
  await until('the attempt', async () => (await calls(view.page)).refused === 1);
  await look(view.page, 'here');
  await view.menu.click();
  await view.page.getByRole('switch', { name: words.notify_failed }).waitFor();
  assert.equal(await view.menuSwitch('notify').getAttribute('aria-checked'), 'false');
});

story('of two tabs of a room one notifies, and none while one of them is read', async (world) => {
  const bot = await world.bot('pair', 'bot');
  const context = await world.context();
  const one = await notified(world, 'pair', { context, permission: 'granted' });
  await turn(one, 'notify');
  const other = await notified(world, 'pair', { context, permission: 'granted' });
  for (const view of [one, other]) {
    await look(view.page, 'hidden');
  }
  const notices = async () => [...(await calls(one.page)).notices, ...(await calls(other.page)).notices];
  await bot.say('for a hidden tab');
  await until('a notice', async () => (await notices()).length > 0);
  await look(other.page, 'here');
  await bot.say('for the reader of one tab, @Anna');
  await other.shows('for the reader of one tab, @Anna');
  await look(other.page, 'hidden');
  await bot.say('once more, @Anna');
  await until('the next notice', async () =>
    (await notices()).some(({ body }) => body === 'once more, @Anna'));
  assert.deepEqual((await notices()).map(({ body }) => body), ['for a hidden tab', 'once more, @Anna']);
});

story('a screen reader announces author and text of each live message of others, and no history', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const bot = await world.bot('aloud', 'bot');
  await bot.say(...numbered(0, 79, 'old'));
  const page = await world.tab(await world.context(), 'Anna');
  await recordAnnouncements(page);
  const view = new RoomPage(page);
  await view.open(gate.origin, 'aloud', 'Anna');
  await view.shows('old 79');
  await bot.say('live 1');
  await view.shows('live 1');
  await view.say('my own');
  await view.shows('my own');
  // A message arrives while an older page is on its way.
  gate.hold('up');
  await until('a page to be asked for', async () => {
    await view.wheel(-3_000);
    return (await view.log.getByText(words.loading_older).count()) > 0;
  });
  await bot.say('during a load');
  await view.shows('during a load');
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
  await until('the last announcement', async () => (await announced(page)).includes('bot: live 2'));
  assert.deepEqual(await announced(page), ['bot: live 1', 'bot: during a load', 'bot: live 2']);
  assert.equal(await view.log.getAttribute('aria-live'), 'off', 'the list itself is not announced');
});

story('joins and leaves are announced as one summary after a quiet time', async (world) => {
  const page = await world.tab(await world.context(), 'Anna');
  await recordAnnouncements(page);
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'arrivals', 'Anna');
  const bots = [];
  for (let n = 0; n < 8; n += 1) bots.push(await world.bot('arrivals', `guest${n}`));
  await until('the summary', async () => (await announced(page)).length > 0, 20_000);
  assert.deepEqual(await announced(page), [`guest0, guest1, guest2${words.more_people(5)}${words.joined[1]}`]);
  bots[0].send('@changename:Zoe');
  await until('the new name', async () => (await announced(page)).length > 1);
  assert.equal((await announced(page)).at(-1), `guest0${words.renamed[1]}Zoe`);
});

story('a lost and a restored connection are announced once each', async (world) => {
  const { gate, view } = await world.behindGate('turns', 'Anna');
  const announced = await view.connection.evaluateHandle((badge) => {
    const status = badge.querySelector('[role="status"]');
    const announced = [];
    new MutationObserver(() => announced.push(status.textContent))
      .observe(status, { childList: true, characterData: true, subtree: true });
    return announced;
  });
  gate.shut();
  await until('two attempts', async () => {
    await view.disconnected();
    return view.tryNow.click({ timeout: 2_000 }).then(() => true, () => false);
  });
  gate.reopen();
  await view.connected();
  await until('both', async () => (await announced.jsonValue()).length >= 2);
  assert.deepEqual(await announced.jsonValue(), [words.said_lost, words.said_back]);
});
