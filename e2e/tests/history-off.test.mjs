// A server that keeps no history (`--history-messages 0`), and authors who ask for theirs not to be
// kept: messages without ids.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { directAttention, look } from '../support/attention.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { Frames } from '../support/watch.mjs';
import { story } from '../support/world.mjs';

const OFF = { settings: ['--history-messages', '0'] };

/** Somebody behind a gate, whose frames are watched. */
async function watched(world, room) {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const page = await world.tab(await world.context(), 'Anna');
  const frames = await Frames.of(page);
  const view = new RoomPage(page);
  await view.open(gate.origin, room, 'Anna');
  return { gate, view, frames };
}

const kinds = (view) => view.rows.evaluateAll((rows) => rows.map((row) => row.dataset.row));

story('history off: messages show once as they arrive, and own ones are confirmed', OFF, async (world) => {
  const { view, frames } = await watched(world, 'off');
  const bot = await world.bot('off', 'bot');
  await view.say('one');
  await view.shows('one');
  await bot.say('two', 'two');
  await view.say('three');
  await view.shows('three');
  await view.say('three');
  await until('all five', async () => (await view.messages()).length === 5);
  await until('all settled', async () => (await view.messages()).every((row) => !row.pending));
  assert.deepEqual(await view.texts(), ['one', 'two', 'two', 'three', 'three']);
  assert.deepEqual((await view.messages()).map((row) => row.author),
    ['Anna', 'bot', 'bot', 'Anna', 'Anna']);
  assert.deepEqual(frames.said, ['one', 'three', 'three']);
  assert.deepEqual(frames.asked, [], 'there is no page to ask for');
  const rows = await kinds(view);
  for (const kind of ['beginning', 'older', 'gap']) assert.ok(!rows.includes(kind), kind);
  await view.log.getByText('This room keeps no history').waitFor();
});

story('history off: after a reconnect the page says that messages are missing, and an unconfirmed text waits for the person', OFF, async (world) => {
  const { gate, view, frames } = await watched(world, 'doubt');
  const bot = await world.bot('doubt', 'bot');
  await bot.say('before');
  await view.shows('before');
  gate.hold('up');
  await view.say('in doubt');
  await until('the text to be under way', async () =>
    (await view.messages()).at(-1).pending === 'sending');
  gate.shut();
  await view.disconnected();
  await bot.say('missed');
  gate.reopen();
  await view.connected();
  await view.line('missed', 'Messages sent while you were away weren’t saved');
  await until('the text to be in doubt', async () =>
    (await view.messages()).at(-1).pending === 'unconfirmed');
  await view.log.getByText('May not have been sent').waitFor();
  await bot.say('after');
  await view.shows('after');
  assert.deepEqual(await view.texts(), ['before', 'after', 'in doubt']);
  const sent = frames.said.filter((text) => text === 'in doubt').length;
  assert.ok(sent <= 1, 'never sent again by itself');
  await view.resend.click();
  await view.shows('in doubt');
  await bot.hears('in doubt');
  assert.equal(bot.texts.filter((text) => text === 'in doubt').length, 1);
});

story('history off: messages that arrive in a hidden tab count as unread', OFF, async (world) => {
  const page = await world.tab(await world.context(), 'Anna');
  await directAttention(page);
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'unread', 'Anna');
  const bot = await world.bot('unread', 'bot');
  await bot.say('seen');
  await view.shows('seen');
  await look(page, 'hidden');
  await bot.say('one', 'two', 'three');
  await until(async () => `a 3 in the title; it is ${await page.title()}`,
    async () => (await page.title()).startsWith('(3)'));
  await look(page, 'here');
  await until('nothing to be unread', async () => !(await page.title()).startsWith('('));
  const rows = async () =>
    (await kinds(view)).filter((kind) => ['message', 'unread'].includes(kind)).join();
  await until(async () => `the line above the three; rows are ${await rows()}`,
    async () => (await rows()) === 'message,unread,message,message,message');
});

story('history off: an unconfirmed text survives a reload, and a language switch keeps the place', OFF, async (world) => {
  const { gate, view } = await watched(world, 'reload');
  const bot = await world.bot('reload', 'bot');
  await bot.say(...Array.from({ length: 60 }, (_, n) => `line ${n}`));
  await view.shows('line 59');
  await view.wheel(-700);
  const top = () => view.log.evaluate((log) => {
    const edge = log.getBoundingClientRect().top;
    const rows = [...log.querySelectorAll('[data-row="message"] .text')];
    return rows.find((text) => text.getBoundingClientRect().top >= edge).textContent;
  });
  const before = await top();
  await view.language.click();
  await view.log.getByText('这个房间不保留消息记录').waitFor({ state: 'attached' });
  await until(async () => `${before} on top; it is ${await top()}`,
    async () => (await top()) === before);
  gate.hold('up');
  await view.say('kept over a reload');
  await until('it to be under way', async () =>
    (await view.messages()).at(-1).pending === 'sending');
  gate.cut();
  gate.release();
  await view.reload();
  await until('it to be in doubt', async () =>
    (await view.messages()).some((row) => row.pending === 'unconfirmed'));
});

story('a message that is not stored stays where it arrived among stored ones', async (world) => {
  const view = await world.person('mixed', 'Anna');
  const bot = await world.bot('mixed', 'bot');
  const address = `${world.server.socket('mixed', 'shy')}&is_store_history=false`;
  const shy = new WebSocket(address);
  await new Promise((resolve) => shy.once('open', resolve));
  await view.line('run', 'shy');
  await bot.say('one');
  shy.send('aside');
  await bot.hears('aside');
  await bot.say('two');
  await view.shows('two');
  const rows = () => view.messages().then((rows) => rows.map(({ id, text }) => [id, text]));
  assert.deepEqual(await rows(), [[1, 'one'], [null, 'aside'], [2, 'two']]);
  shy.close();
});
