// A client that crashes says so, and what was typed is there again after a reload.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** Makes the program trap at the next text that it takes: the browser lies about its length. */
function poison(page) {
  return page.evaluate(() => {
    const { encodeInto } = TextEncoder.prototype;
    TextEncoder.prototype.encodeInto = function (...parts) {
      return { ...encodeInto.apply(this, parts), written: 2 ** 31 };
    };
  });
}

for (const [locale, words, button] of [
  ['en-US', /XMeet has crashed/, 'Reload'],
  ['zh-CN', /XMeet 出错了/, '重新加载'],
]) {
  story(`a crash of the client is shown, and a reload keeps draft and unsent texts, ${locale}`, async (world) => {
    world.complaints.allowUnreachable();
    world.complaints.allow(/RuntimeError|unreachable|panicked|out of bounds|invalid malloc/);
    const gate = await world.gate();
    const view = await world.person('crash', 'Anna', { at: gate, locale });
    const { page } = view;
    const bot = await world.bot('crash', 'bot');
    gate.refuseSockets();
    await view.disconnected();
    await view.say('unsent');
    await until('the row', async () => (await view.messages())[0]?.pending === 'waiting');
    await poison(page);
    await view.type('half typed, 写了一半');
    const told = page.getByRole('alertdialog');
    await told.waitFor();
    assert.match(await told.innerText(), words);
    assert.doesNotMatch(await told.innerText(), locale === 'en-US' ? /重新/ : /Reload/);
    assert.equal(await page.evaluate(() => document.activeElement?.textContent.trim()), button);
    gate.reopen();
    await told.locator('.crash-reload').click();
    await view.connected();
    assert.equal(await page.getByRole('alertdialog').count(), 0);
    assert.equal(await view.composer.inputValue(), 'half typed, 写了一半');
    await view.shows('unsent');
    await view.say('fence');
    await bot.hears('fence');
    assert.deepEqual(bot.texts, ['unsent', 'fence']);
  });
}

story('an error of another script is not a crash of the client', async (world) => {
  world.complaints.allow(/of an extension/);
  const view = await world.person('elsewhere', 'Anna');
  await view.page.evaluate(() => {
    setTimeout(() => { throw new Error('of an extension'); });
    Promise.reject(new Error('of an extension'));
  });
  await until('both errors', () => world.complaints.all.filter((line) => /of an extension/.test(line)).length >= 2);
  assert.equal(await view.page.getByRole('alertdialog').count(), 0);
  await view.say('goes on');
  await view.shows('goes on');
});
