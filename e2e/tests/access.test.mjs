// Without a mouse, and without eyes: everything by keyboard, and names for screen readers.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

story('by keyboard alone: from the front page to a message and a new name', async (world) => {
  const bot = await world.bot('keys', 'bot');
  const landing = await world.visitor();
  const { page } = landing;
  const { keyboard } = page;
  /** Presses Tab until the keyboard is on the part with this name, and it can be seen there. */
  const tabTo = async (name) => {
    const visited = [];
    for (let press = 0; press < 40; press += 1) {
      const here = await page.evaluate(() => {
        const { activeElement } = document;
        let shown = false;
        for (let part = activeElement, up = 0; part && up < 3; part = part.parentElement, up += 1) {
          const { outlineStyle, boxShadow } = getComputedStyle(part);
          shown ||= outlineStyle !== 'none' || boxShadow !== 'none';
        }
        return { name: activeElement.dataset.testid || activeElement.id, shown };
      });
      visited.push(here.name);
      if (here.name === name) {
        assert.ok(here.shown, `one sees that the keyboard is on ${name}`);
        return;
      }
      await keyboard.press('Tab');
    }
    assert.fail(`Tab does not lead to ${name}: ${visited}`);
  };
  await tabTo('room');
  await keyboard.type('keys');
  await tabTo('nickname');
  await keyboard.type('Anna');
  await tabTo('go');
  await keyboard.press('Enter');
  await page.waitForURL('**/room/keys*');
  const view = new RoomPage(page);
  await view.connected();
  await tabTo('composer');
  await keyboard.type('no mouse');
  await keyboard.press('Enter');
  await bot.hears('no mouse');
  await tabTo('rename');
  await keyboard.press('Enter');
  await tabTo('rename-input');
  await keyboard.press('ControlOrMeta+A');
  await keyboard.type('Änna');
  await keyboard.press('Enter');
  await bot.sees('changename', 'Änna');
  await tabTo('language');
  await keyboard.press('Enter');
  await until('Chinese', () =>
    view.page.locator('html[lang="zh-CN"]').count());
  await tabTo('log');
});

story('to screen readers the list is a log, and everything has a name', async (world) => {
  const view = await world.person('reader', 'Anna');
  assert.equal(await view.page.getByRole('log').count(), 1);
  assert.notEqual(await view.page.getByRole('log').getAttribute('aria-live'), 'assertive');
  const nameless = await view.page.evaluate(() => {
    const name = (element) => (element.getAttribute('aria-label') ?? '')
      + [...(element.labels ?? [])].map((label) => label.textContent).join('')
      + element.textContent
      + (document.getElementById(element.getAttribute('aria-labelledby'))?.textContent ?? '');
    const controls = [...document.querySelectorAll('button, a, input, textarea, [role="button"]')];
    return controls.filter((control) => !name(control).trim()).map((control) => control.outerHTML);
  });
  assert.deepEqual(nameless, []);
  assert.equal(await view.page.getByRole('textbox').count() > 0, true);
});
