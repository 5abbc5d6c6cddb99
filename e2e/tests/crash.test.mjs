// A crash of the client is shown, and a reload brings back what was typed.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { outside } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Makes the program trap at the next text: the browser reports a false length. */
function poison(page) {
  return page.evaluate(() => {
    const { encodeInto } = TextEncoder.prototype;
    TextEncoder.prototype.encodeInto = function (...parts) {
      return { ...encodeInto.apply(this, parts), written: 2 ** 31 };
    };
  });
}

for (const [locale, own, other] of [
  ['en-US', outside.en, outside.zh], ['zh-CN', outside.zh, outside.en],
]) {
  story(`a crash of the client is shown, and a reload keeps draft and unsent texts, ${locale}`, async (world) => {
    world.complaints.allow(/RuntimeError|unreachable|panicked|out of bounds|invalid malloc/);
    const { gate, view } = await world.behindGate('crash', 'Anna', { locale });
    const { page } = view;
    const bot = await world.bot('crash', 'bot');
    gate.refuseSockets();
    await view.disconnected();
    await view.say('unsent');
    await view.newestIs('waiting');
    await poison(page);
    await view.type('half typed, 写了一半');
    const dialog = page.getByRole('alertdialog');
    await dialog.waitFor();
    const shown = await dialog.innerText();
    assert.ok(shown.includes(own.crashed), shown);
    assert.ok(!shown.includes(other.reload), shown);
    assert.equal(await page.evaluate(() => document.activeElement?.textContent.trim()), own.reload);
    gate.reopen();
    await dialog.locator('.crash-reload').click();
    await view.connected();
    assert.equal(await page.getByRole('alertdialog').count(), 0);
    assert.equal(await view.composer.inputValue(), 'half typed, 写了一半');
    await view.shows('unsent');
    await view.say('fence');
    await bot.receives('fence');
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
