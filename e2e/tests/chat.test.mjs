// Chatting: every member reads every message once, in one order, as plain text.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

story('two members see every message of both once', async (world) => {
  const anna = await world.person('two', 'Anna');
  const bert = await world.person('two', 'Bert');
  await anna.say('hello Bert');
  assert.equal((await bert.shows('hello Bert')).author, 'Anna');
  await bert.say('hello Anna');
  assert.equal((await anna.shows('hello Anna')).author, 'Bert');
  for (const page of [anna, bert]) {
    await page.showsExactly('hello Bert', 'hello Anna');
    assert.deepEqual((await page.messages()).map((row) => row.id), [1, 2]);
    assert.deepEqual((await page.messages()).map((row) => row.author), ['Anna', 'Bert']);
  }
});

story('three members who send at the same time read the same conversation', async (world) => {
  const names = ['Anna', 'Bert', 'Çiğdem'];
  const people = [];
  for (const name of names) people.push(await world.person('three', name));
  const ROUNDS = 10;
  const talk = async (page, name) => {
    for (let round = 0; round < ROUNDS; round += 1) await page.say(`${name} ${round}`);
  };
  await Promise.all(people.map((page, index) => talk(page, names[index])));
  const all = names.length * ROUNDS;
  for (const page of people) {
    await until(
      async () => `${all} confirmed messages; there are ${JSON.stringify(await page.messages())}`,
      async () => (await page.messages()).filter((row) => row.id !== null).length === all,
    );
  }
  const [first, ...others] = await Promise.all(people.map((page) => page.messages()));
  const seen = (rows) => rows.map(({ id, author, text }) => ({ id, author, text }));
  others.forEach((other) => assert.deepEqual(seen(other), seen(first)));
  for (const name of names) {
    const own = first.map((row) => row.text).filter((text) => text.startsWith(name));
    assert.deepEqual(own, Array.from({ length: ROUNDS }, (_, round) => `${name} ${round}`));
  }
});

story("an own message has its row at once, and its confirmation does not move it", async (world) => {
  const gate = await world.gate();
  const anna = await world.person('settle', 'Anna', { at: gate });
  gate.hold('down');
  await anna.say('on its way');
  await anna.newestIs('sending');
  const [pending] = await anna.messages();
  assert.deepEqual([pending.text, pending.id, pending.pending], ['on its way', null, 'sending']);
  assert.equal(await anna.composer.inputValue(), '', 'the message box is empty');
  const place = () => anna.message('on its way').boundingBox();
  const before = await place();
  const row = await anna.message('on its way').elementHandle();
  gate.release();
  const settled = await anna.shows('on its way');
  assert.equal(settled.id, 1);
  const after = await place();
  assert.ok(Math.abs(after.y - before.y) <= 1, `it moved from ${before.y} to ${after.y}`);
  assert.equal((await anna.messages()).length, 1);
  const isTheSame = await row.evaluate((row) => row.isConnected && row.dataset.id === '1');
  assert.ok(isTheSame, 'the row is not redrawn and does not flash');
});

story('messages with the same text are all kept', async (world) => {
  const anna = await world.person('same', 'Anna');
  const bot = await world.bot('same', 'bot');
  for (let times = 0; times < 3; times += 1) await anna.say('哈');
  await bot.say('哈');
  await anna.showsExactly('哈', '哈', '哈', '哈');
  assert.deepEqual(bot.texts, ['哈', '哈', '哈', '哈']);
  assert.deepEqual((await anna.messages()).map((row) => row.id), [1, 2, 3, 4]);
});

story('markup is shown as typed and runs nothing', async (world) => {
  const ROOM = '<img src=x onerror=pwned=1>';
  const NAME = '<img src=y onerror=pwned=1>';
  const TEXTS = [
    '<img src=x onerror="window.pwned=1">',
    '"><svg onload=pwned=1>',
    '<script>pwned=1</script>',
    '&lt;b&gt; &amp; <b>bold</b>',
    '<a href="javascript:pwned=1">press</a>',
  ];
  const anna = await world.person(ROOM, NAME);
  const bot = await world.bot(ROOM, '<svg onload=pwned=1>');
  await anna.say(TEXTS[0]);
  await bot.receives(TEXTS[0]);
  await bot.say(...TEXTS.slice(1));
  await anna.shows(TEXTS.at(-1));
  bot.send('@changename:<b>x</b>');
  await anna.line('changename', '<b>x</b>');
  await bot.leave();
  await anna.line('leave', '<b>x</b>');
  await anna.line('join', '<svg onload=pwned=1>');
  // A later member reads the same from the history.
  const later = await world.person(ROOM, '<b>later</b>');
  for (const page of [anna, later]) {
    await page.showsExactly(...TEXTS);
    assert.deepEqual((await page.messages())[0].author, NAME);
    assert.equal(await page.name.textContent(), ROOM);
    assert.ok((await page.page.title()).includes(ROOM), await page.page.title());
    await page.showsMembers(NAME, '<b>later</b>');
    const intruders = '[onerror], [onload], img[src="x"], img[src="y"], [href^="javascript"], #x b';
    assert.equal(await page.page.locator(intruders).count(), 0);
    assert.equal(await page.page.locator('body b').count(), 0);
    assert.equal(await page.page.evaluate(() => window.pwned), undefined);
  }
});

story('every message has a time, and the first of a day has the day above it', async (world) => {
  const anna = await world.person('days', 'Anna', { timezoneId: 'Asia/Shanghai' });
  await anna.say('now');
  const row = await anna.shows('now');
  const clock = await anna.page.evaluate(() => {
    const now = new Date();
    const text = (date) => `${date.getHours()}`.padStart(2, '0');
    // The hour may have changed in the meantime.
    return [text(new Date(now - 60_000)), text(now)];
  });
  assert.ok(clock.some((hour) => row.time.includes(hour)), `${row.time} is at ${clock}`);
  assert.equal(await anna.row('day').count(), 1);
  const order = await anna.rows.evaluateAll((rows) => rows.map((row) => row.dataset.row));
  assert.ok(order.indexOf('day') < order.indexOf('message'), order.join());
});
