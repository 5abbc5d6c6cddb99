// Slow lines: the page waits for what is on its way, on one connection, and sends once.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { Frames } from '../support/watch.mjs';
import { story } from '../support/world.mjs';

const KIB = 1024;

/** A person with a loaded page, whose WebSocket then uses a line of so many kilobits a second. */
async function onSlowLine(world, room, kbitPerSecond) {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  gate.refuseSockets();
  const page = await world.tab(await world.context(), 'Anna');
  const frames = await Frames.of(page);
  const view = new RoomPage(page);
  await view.goto(gate.origin, room, 'Anna');
  await view.disconnected();
  gate.reopen();
  gate.limit(kbitPerSecond);
  const before = gate.socketsSeen;
  return { gate, view, frames, attempts: () => gate.socketsSeen - before };
}

/** Waits for a connection on a slow line. */
const connected = (view, ms) => until(
  async () => `a connection; it is ${await view.state()}`,
  async () => (await view.state()) === 'connected',
  ms,
);

story('a greeting that takes longer than every deadline arrives on one connection', { ms: 120_000 }, async (world) => {
  const bot = await world.bot('large', 'bot');
  // A quarter of the largest page: 25 s.
  await bot.say(...Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(16 * KIB)}`));
  const { view, attempts } = await onSlowLine(world, 'large', 256);
  await connected(view, 90_000);
  assert.equal(attempts(), 1);
  await view.shows(`49 ${'x'.repeat(16 * KIB)}`);
});

story('a text of 64 KiB is sent once over 64 kbit/s', { ms: 120_000 }, async (world) => {
  const bot = await world.bot('upload', 'bot');
  const { view, frames, attempts } = await onSlowLine(world, 'upload', 64);
  await connected(view, 30_000);
  const text = 'y'.repeat(64 * KIB - 100);
  await view.say(text);
  await bot.receives(text, 60_000);
  await until('the echo', async () => (await view.messages()).some((row) => row.id === 1), 60_000);
  assert.equal(attempts(), 1);
  assert.equal(frames.sentTexts.length, 1);
  assert.deepEqual(bot.texts, [text]);
});

story('a large message of another member does not cost a sender the connection', { ms: 120_000 }, async (world) => {
  const bot = await world.bot('cross', 'bot');
  const { view, frames, attempts } = await onSlowLine(world, 'cross', 64);
  await connected(view, 30_000);
  await bot.say('z'.repeat(60 * KIB));
  await view.say('short');
  await until('the echo', async () => (await view.messages()).some((row) =>
    row.text === 'short' && row.id !== null), 60_000);
  assert.equal(attempts(), 1);
  assert.deepEqual(frames.sentTexts, ['short']);
});

story('a probe is a few bytes both ways', async (world) => {
  world.complaints.allowUnreachable();
  const bot = await world.bot('probe', 'bot');
  await bot.say(...Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(KIB)}`));
  const { gate, view } = await world.behindGate('probe', 'Anna');
  const frames = await Frames.of(view.page);
  // Frames of a connection that is already open are not recorded.
  gate.cut();
  await view.disconnected();
  await view.connected();
  await view.shows(`49 ${'x'.repeat(KIB)}`);
  frames.received.length = 0;
  await view.page.evaluate(() => window.dispatchEvent(new Event('online')));
  await until('the answer', () => frames.received.some((frame) => frame.includes('"history"')));
  assert.deepEqual(frames.pageRequests.slice(-1), ['@history:999999999']);
  const answer = frames.received.find((frame) => frame.includes('"history"'));
  assert.ok(answer.length < 250, answer);
});
