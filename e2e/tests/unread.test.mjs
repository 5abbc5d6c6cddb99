// Unread messages, and the line above the first of them.
import assert from 'node:assert/strict';
import { directAttention, look } from '../support/attention.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { Frames } from '../support/watch.mjs';
import { story } from '../support/world.mjs';

/** A person whose attention the test controls. */
async function reader(world, room, { context, at = world.server, nickname = 'Anna' } = {}) {
  const page = await world.tab(context ?? (await world.context()), nickname);
  await directAttention(page);
  const view = new RoomPage(page);
  await view.open(at.origin, room, nickname);
  return view;
}

/** Returns the texts of the rows above and below the unread line, or null without a line. */
function around(view) {
  return view.log.evaluate((log) => {
    const line = log.querySelector('[data-row="unread"]');
    if (!line) return null;
    const rows = [...log.querySelectorAll('[data-row]')];
    const text = (row) =>
      row?.querySelector('.text')?.textContent ?? row?.dataset.row ?? null;
    const place = rows.indexOf(line);
    return [text(rows[place - 1]), text(rows[place + 1])];
  });
}

const hasLine = (view, above, below) => until(
  async () => `the line between ${above} and ${below}; it is between ${await around(view)}`,
  async () => JSON.stringify(await around(view)) === JSON.stringify([above, below]),
);

const noLine = async (view) => assert.equal(await around(view), null);

/** Returns the distance of the unread line from the top of the view, as a part of its height. */
function placeOfLine(view) {
  return view.log.evaluate((log) => {
    const line = log.querySelector('[data-row="unread"]');
    if (!line) return null;
    const frame = log.getBoundingClientRect();
    return (line.getBoundingClientRect().top - frame.top) / frame.height;
  });
}

const linePlaced = (view) => until(
  async () => `the line in the upper part of the view; it is at ${await placeOfLine(view)}`,
  async () => {
    const place = await placeOfLine(view);
    return place !== null && place >= 0 && place < 0.5;
  },
);

story('after 30 messages in a hidden tab the unread line is above the first and stays while reading', async (world) => {
  const bot = await world.bot('tab', 'bot');
  await bot.say(...numbered(1, 20));
  const view = await reader(world, 'tab');
  await view.shows('n 20');
  await noLine(view);

  await look(view.page, 'hidden');
  const guest = await world.bot('tab', 'guest');
  guest.send('@changename:Guest');
  await view.line('changename', 'Guest');
  await guest.leave();
  await view.line('leave', 'Guest');
  await noLine(view);
  await bot.say(...numbered(21, 50));
  await view.shows('n 50');
  await hasLine(view, 'system', 'n 21');
  assert.equal(await view.row('unread').getAttribute('role'), 'separator');
  const first = view.message('n 21');
  assert.match(await first.getAttribute('class'), /\bhead\b/, 'the row below has its author');

  await look(view.page, 'here');
  await bot.say('n 51');
  await view.shows('n 51');
  await hasLine(view, 'system', 'n 21');
  // Away again with everything read: the next message has a new line.
  await look(view.page, 'hidden');
  await look(view.page, 'here');
  await hasLine(view, 'system', 'n 21');
  await look(view.page, 'hidden');
  await bot.say('n 52');
  await hasLine(view, 'n 51', 'n 52');
  await look(view.page, 'here');
  await view.say('my own');
  await view.shows('my own');
  await noLine(view);
});

story('messages that arrive in a visible window without the focus count as unread', async (world) => {
  const bot = await world.bot('window', 'bot');
  const view = await reader(world, 'window');
  await bot.say('n 1');
  await view.shows('n 1');
  assert.equal(await view.page.title(), 'window · XMeet');
  await look(view.page, 'unfocused');
  await bot.say('n 2', 'n 3');
  await hasLine(view, 'n 1', 'n 2');
  await until('the number', async () => (await view.page.title()) === '(2) window · XMeet');
  await look(view.page, 'here');
  await until('no number', async () => (await view.page.title()) === 'window · XMeet');
  await hasLine(view, 'n 1', 'n 2');
});

story('a room with unread messages opens at the unread line, with a button to the latest', async (world) => {
  const bot = await world.bot('again', 'bot');
  await bot.say(...numbered(1, 60));
  const context = await world.context();
  const first = await reader(world, 'again', { context });
  await first.shows('n 60');
  await noLine(first);
  await first.atBottom();
  await first.reload();
  await first.shows('n 60');
  await noLine(first);
  await first.atBottom();
  await first.page.close();

  await bot.say(...numbered(61, 100));
  const view = await reader(world, 'again', { context });
  await hasLine(view, 'n 60', 'n 61');
  await linePlaced(view);
  await view.jumpCounts(40);
  await bot.say('n 101');
  await view.jumpCounts(41);
  await linePlaced(view);
  await view.jump.click();
  await view.atBottom();
  await view.shows('n 101');
  await hasLine(view, 'n 60', 'n 61');
  await view.reload();
  await view.shows('n 101');
  await view.atBottom();
  await noLine(view);
});

story('a room with more than a page of unread messages requests the page with the unread line',
  async (world) => {
    const bot = await world.bot('many', 'bot');
    await bot.say(...numbered(1, 30));
    const context = await world.context();
    const first = await reader(world, 'many', { context });
    await first.shows('n 30');
    await first.atBottom();
    await first.page.close();
    await bot.say(...numbered(31, 230));
    const view = await reader(world, 'many', { context });
    await hasLine(view, 'n 30', 'n 31');
    await linePlaced(view);
    await view.jumpCounts(200);
    await view.jump.click();
    await view.shows('n 230');
    await view.atBottom();
  });

story('scrolling before the page with the unread line arrives is not undone', async (world) => {
  const bot = await world.bot('own way', 'bot');
  await bot.say(...numbered(1, 30));
  const context = await world.context();
  const first = await reader(world, 'own way', { context });
  await first.shows('n 30');
  await first.atBottom();
  await first.page.close();
  await bot.say(...numbered(31, 130));

  const gate = await world.gate();
  const page = await world.tab(context, 'Anna');
  await directAttention(page);
  // The origin of the gate has a storage of its own, which needs the read mark.
  await page.addInitScript(() => localStorage.setItem('xmeet:/:read:own%20way', '30 '));
  const frames = await Frames.of(page);
  const view = new RoomPage(page);
  page.on('websocket', (socket) => socket.on('framesent', () => gate.hold('down')));
  await view.open(gate.origin, 'own way', 'Anna');
  await view.shows('n 130');
  await until('the request of a page', () => frames.pageRequests.length > 0);
  await view.wheel(-300);
  const row = await view.watchMiddleRow();
  gate.release();
  await until('the page', async () => (await view.message('n 31').count()) > 0);
  await row.assertStill();
});

story('a new room opens at the bottom, with no unread line', async (world) => {
  const bot = await world.bot('new', 'bot');
  await bot.say(...numbered(1, 80));
  const view = await reader(world, 'new');
  await view.shows('n 80');
  await view.atBottom();
  await noLine(view);
  assert.equal(await view.page.title(), 'new · XMeet');
});

story('messages missed during an outage count as unread, the gap included', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const bot = await world.bot('gap', 'bot');
  await bot.say('n 1');
  const view = await reader(world, 'gap', { at: gate });
  await view.shows('n 1');
  await view.atBottom();
  await look(view.page, 'unfocused');
  gate.shut();
  await view.disconnected();
  await bot.say(...numbered(2, 121));
  gate.reopen();
  await view.connected();
  await until(
    async () => `120 in the title; it is ${await view.page.title()}`,
    async () => (await view.page.title()) === '(120) gap · XMeet',
  );
});

story('the unread line appears without moving the row under the eye', async (world) => {
  const bot = await world.bot('still', 'bot');
  await bot.say(...numbered(1, 50));
  const view = await reader(world, 'still');
  await view.shows('n 50');
  await view.atBottom();
  await view.wheel(-300);
  const row = await view.watchMiddleRow();
  await look(view.page, 'unfocused');
  await bot.say('n 51');
  await hasLine(view, 'n 50', 'n 51');
  await row.assertStill();
});
