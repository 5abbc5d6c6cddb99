// Commands in the message box: the page asks before it runs one or sends it as text.
import assert from 'node:assert/strict';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

story('a history command is not sent until the person chooses to run it or to send it as text', async (world) => {
  const bot = await world.bot('command', 'bot');
  await bot.say(...numbered(0, 119, 'old'));
  const { view: anna, frames } = await world.watched('command', 'Anna');
  await anna.shows('old 119');

  const asked = frames.pageRequests.length;
  await anna.say('@history:2');
  await anna.command.waitFor();
  assert.ok((await anna.command.textContent()).includes('2'), 'the notice says what the command does');
  assert.equal(frames.pageRequests.length, asked);
  await anna.run.click();
  await anna.command.waitFor({ state: 'hidden' });
  await until('page 2 to be asked for', () => frames.pageRequests.slice(asked).includes('@history:2'));

  await anna.say('@history:1');
  await anna.command.waitFor();
  await anna.sendAsText.click();
  await anna.command.waitFor({ state: 'hidden' });
  const sent = await until('the text', () =>
    bot.texts.find((text) => text.includes('@history:1')));
  assert.equal(sent.trim(), '@history:1');
  assert.equal(await anna.composer.inputValue(), '');
  assert.deepEqual(frames.sentTexts.map((text) => text.trim()), ['@history:1']);
});

story('a rename command is not sent until the person chooses to run it or to send it as text', async (world) => {
  const bot = await world.bot('command', 'bot');
  const page = await world.person('command', 'Anna');
  await page.say('@changename:Zoë');
  await page.command.waitFor();
  assert.ok((await page.command.textContent()).includes('Zoë'), 'the notice says what the command does');
  await page.sendAsText.click();
  const sent = await until('the text', () => bot.texts[0]);
  assert.equal(sent.trim(), '@changename:Zoë');
  assert.equal((await page.me()).name, 'Anna');
  assert.deepEqual(bot.of('changename'), []);

  await page.say('@changename:Zoë');
  await page.run.click();
  await bot.receivesFrame('changename', 'Zoë');
  await page.showsMembers('bot', 'Zoë');
  assert.equal(await page.composer.inputValue(), '');
  await page.say('and on');
  await bot.receives('and on');
  assert.equal(bot.texts.length, 2);
  assert.equal(bot.of('changename').length, 1);
});

story('an invalid command shows an explanation, and @someone is sent as text', async (world) => {
  const bot = await world.bot('command', 'bot');
  const anna = await world.person('command', 'Anna');
  const tooLong = `@changename:${'x'.repeat(33)}`;
  for (const text of ['@history:', '@history:one', '@changename:', tooLong]) {
    await anna.say(text);
    await anna.command.waitFor();
    assert.equal(await anna.composer.inputValue(), text);
    await anna.composer.press('Escape');
    await anna.type('');
    await anna.command.waitFor({ state: 'hidden' });
  }
  await anna.say('@someone hello');
  await bot.receives('@someone hello');
  assert.deepEqual(bot.texts, ['@someone hello']);
  assert.equal(await anna.error.count(), 0, 'the server reported no error');
});
