// Messages without ids: of a server without history (`--history-messages 0`), and of authors who ask
// that theirs are not stored.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { directAttention, look } from '../support/attention.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words, wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

const OFF = { settings: ['--history-messages', '0'] };

/** A person behind a gate, with the frames of the page. */
async function watchedBehindGate(world, room) {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  return { gate, ...await world.watched(room, 'Anna', { at: gate }) };
}

story('history off: messages show once as they arrive, and own ones are confirmed', OFF, async (world) => {
  const { view, frames } = await watchedBehindGate(world, 'off');
  const bot = await world.bot('off', 'bot');
  await view.say('one');
  await view.shows('one');
  await bot.say('two', 'two');
  await view.say('three');
  await view.shows('three');
  await view.say('three');
  await view.showsExactly('one', 'two', 'two', 'three', 'three');
  assert.deepEqual((await view.messages()).map((row) => row.author),
    ['Anna', 'bot', 'bot', 'Anna', 'Anna']);
  assert.deepEqual(frames.sentTexts, ['one', 'three', 'three']);
  assert.deepEqual(frames.pageRequests, [], 'no history page is requested');
  const rows = await view.rowKinds();
  for (const kind of ['beginning', 'older', 'gap']) assert.ok(!rows.includes(kind), kind);
  await view.log.getByText(words.history_off).waitFor();
});

story('history off: after a reconnect the page reports missed messages, and an unconfirmed text waits', OFF, async (world) => {
  const { gate, view, frames } = await watchedBehindGate(world, 'doubt');
  const bot = await world.bot('doubt', 'bot');
  await bot.say('before');
  await view.shows('before');
  gate.hold('up');
  await view.say('unconfirmed');
  await view.newestIs('sending');
  gate.shut();
  await view.disconnected();
  await bot.say('missed');
  gate.reopen();
  await view.connected();
  await view.line('missed', words.missed_not_kept);
  await view.newestIs('unconfirmed');
  await view.log.getByText(words.unconfirmed).waitFor();
  await bot.say('after');
  await until(
    async () => `the new message above the unconfirmed one; there are ${await view.texts()}`,
    async () => (await view.texts()).join() === 'before,after,unconfirmed',
  );
  const sent = frames.sentTexts.filter((text) => text === 'unconfirmed').length;
  assert.ok(sent <= 1, 'the page does not send it again by itself');
  await view.resend.click();
  await view.shows('unconfirmed');
  await bot.receives('unconfirmed');
  assert.equal(bot.texts.filter((text) => text === 'unconfirmed').length, 1);
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
  await until('a title without a count', async () => !(await page.title()).startsWith('('));
  const rows = async () =>
    (await view.rowKinds()).filter((kind) => ['message', 'unread'].includes(kind)).join();
  await until(async () => `the line above the three; rows are ${await rows()}`,
    async () => (await rows()) === 'message,unread,message,message,message');
});

story('history off: an unconfirmed text survives a reload, and a language switch keeps the place', OFF, async (world) => {
  const { gate, view } = await watchedBehindGate(world, 'reload');
  const bot = await world.bot('reload', 'bot');
  await bot.say(...numbered(0, 59, 'line'));
  await view.shows('line 59');
  await view.wheel(-700);
  const top = () => view.log.evaluate((log) => {
    const edge = log.getBoundingClientRect().top;
    const rows = [...log.querySelectorAll('[data-row="message"] .text')];
    return rows.find((text) => text.getBoundingClientRect().top >= edge).textContent;
  });
  const before = await top();
  await view.language.click();
  await view.log.getByText(wordsOf('zh-CN').history_off).waitFor({ state: 'attached' });
  await until(async () => `${before} on top; it is ${await top()}`,
    async () => (await top()) === before);
  gate.hold('up');
  await view.say('kept over a reload');
  await view.newestIs('sending');
  gate.cut();
  gate.release();
  await view.reload();
  await until('the unconfirmed text', async () =>
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
  await bot.receives('aside');
  await bot.say('two');
  await view.shows('two');
  const rows = (await view.messages()).map(({ id, text }) => [id, text]);
  assert.deepEqual(rows, [[1, 'one'], [null, 'aside'], [2, 'two']]);
  shy.close();
});
