// Unsent messages: none is lost and none is sent twice, whenever the connection breaks.
import assert from 'node:assert/strict';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

story('messages typed offline are sent after the reconnect, once and in order', async (world) => {
  const { gate, view } = await world.behindGate('offline', 'Anna');
  const bot = await world.bot('offline', 'bot');
  const typed = ['one', 'two', 'three'];
  gate.shut();
  await view.disconnected();
  for (const text of typed) await view.say(text);
  const waiting = typed.map((text) => `${text}, waiting`).join('; ');
  const rows = async () => (await view.messages()).map(({ text, pending }) => `${text}, ${pending}`).join('; ');
  await until(async () => `the rows ${waiting}; they are ${await rows()}`,
    async () => (await rows()) === waiting);
  assert.deepEqual(bot.texts, []);
  gate.reopen();
  await view.connected();
  for (const text of typed) await view.shows(text);
  await view.say('four');
  await bot.receives('four');
  assert.deepEqual(bot.texts, [...typed, 'four']);
  await view.showsExactly(...typed, 'four');
});

for (const locale of ['en-US', 'zh-CN']) {
  const { sending, waiting_turn: behind, waiting: offline } = wordsOf(locale);
  story(`a text behind an unconfirmed one waits for its turn, and offline for the connection, ${locale}`, async (world) => {
    const { gate, view } = await world.behindGate('turn', 'Anna', { locale });
    const bot = await world.bot('turn', 'bot');
    const notes = () => view.log.locator('.delivery > span').allTextContents();
    gate.hold('up');
    await view.say('one');
    await view.say('two');
    await until(
      async () => `the first on its way and the second behind it; shown is ${JSON.stringify(await notes())}`,
      async () => JSON.stringify(await notes()) === JSON.stringify([sending, behind]),
    );
    gate.shut();
    gate.release();
    await view.disconnected();
    await until(
      async () => `both to be sent later; shown is ${JSON.stringify(await notes())}`,
      async () => (await notes()).at(-1) === offline && !(await notes()).includes(behind),
    );
    gate.reopen();
    await view.connected();
    await view.showsExactly('one', 'two');
    await until('no note', async () => (await notes()).length === 0);
    assert.deepEqual(bot.texts, ['one', 'two']);
  });
}

story('waiting messages survive a reload and are sent once', async (world) => {
  const { gate, view } = await world.behindGate('reload', 'Anna');
  const bot = await world.bot('reload', 'bot');
  gate.refuseSockets();
  await view.disconnected();
  await view.say('waited');
  await view.newestIs('waiting');
  await view.page.reload();
  await until(
    async () => `the waiting row; there is ${JSON.stringify(await view.messages())}`,
    async () => (await view.messages()).some((row) => row.text === 'waited' && row.pending),
  );
  assert.deepEqual(bot.texts, []);
  gate.reopen();
  await view.connected();
  await view.shows('waited');
  await view.say('fence');
  await bot.receives('fence');
  assert.deepEqual(bot.texts, ['waited', 'fence']);
  await view.showsExactly('waited', 'fence');
});

story('server killed after storing an unconfirmed message: the message appears once', async (world) => {
  const { gate, view } = await world.behindGate('doubt', 'Anna');
  const bot = await world.bot('doubt', 'bot');
  gate.hold('down');
  await view.say('stored, unconfirmed');
  await bot.receives('stored, unconfirmed');
  await view.newestIs('sending');
  await world.server.crash();
  gate.cut();
  gate.release();
  await world.server.restart();
  await view.connected();
  await view.shows('stored, unconfirmed');
  const again = await world.bot('doubt', 'again');
  await view.say('fence');
  await again.receives('fence');
  const [history] = again.of('history');
  assert.deepEqual(history.payload.map((record) => record.payload), ['stored, unconfirmed']);
  assert.deepEqual(again.texts, ['fence']);
  await view.showsExactly('stored, unconfirmed', 'fence');
});

story('reload during an unconfirmed send: the message appears once', async (world) => {
  const { gate, view } = await world.behindGate('doubt', 'Anna');
  const bot = await world.bot('doubt', 'bot');
  gate.hold('down');
  await view.say('stored, unconfirmed');
  await bot.receives('stored, unconfirmed');
  gate.cut();
  gate.release();
  await view.page.reload();
  await view.connected();
  await view.shows('stored, unconfirmed');
  await view.say('fence');
  await bot.receives('fence');
  assert.deepEqual(bot.texts, ['stored, unconfirmed', 'fence']);
  await view.showsExactly('stored, unconfirmed', 'fence');
});

story('a message lost on its way is sent again, once', async (world) => {
  const { gate, view } = await world.behindGate('lost', 'Anna');
  const bot = await world.bot('lost', 'bot');
  for (const text of ['again', 'and again']) {
    gate.hold('up');
    await view.say(text);
    await view.newestIs('sending');
    gate.cut();
    gate.release();
    await view.connected();
    await view.shows(text);
  }
  await view.say('fence');
  await bot.receives('fence');
  assert.deepEqual(bot.texts, ['again', 'and again', 'fence']);
  await view.showsExactly('again', 'and again', 'fence');
});

story('an unconfirmed message is found behind 120 others and not sent again', async (world) => {
  const { gate, view } = await world.behindGate('deep', 'Anna');
  const bot = await world.bot('deep', 'bot');
  gate.hold('down');
  await view.say('mine');
  await bot.receives('mine');
  gate.shut();
  await bot.say(...numbered(0, 119));
  gate.reopen();
  await view.connected();
  await until(
    async () => `nothing on its way; there is ${JSON.stringify((await view.messages()).at(-1))}`,
    async () => (await view.messages()).every((row) => !row.pending),
  );
  await view.say('fence');
  await bot.receives('fence');
  assert.equal(bot.texts.filter((text) => text === 'mine').length, 1);
});

story('a message too large for the server returns to the message box, and the next one is sent', {
  settings: ['--frame-bytes-max', '100'],
}, async (world) => {
  const bot = await world.bot('small', 'bot');
  const view = await world.person('small', 'Anna');
  const large = 'x'.repeat(101);
  await view.say(large);
  await until('the text in the message box', async () => (await view.composer.inputValue()) === large);
  await view.error.waitFor();
  await view.connected();
  await view.say('fits');
  await bot.receives('fits');
  await view.shows('fits');
  assert.deepEqual(bot.texts, ['fits']);
  assert.deepEqual(bot.of('leave'), [], 'other members see no leave');
});
