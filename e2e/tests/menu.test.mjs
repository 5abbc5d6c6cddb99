// The menu: all of its items, by mouse, keyboard and finger.
import assert from 'node:assert/strict';
import { PHONE, FINGER_PX } from '../support/sizes.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';


story('opening the menu moves the focus in, Escape restores it, and the page behind is inert',
  async (world) => {
    const view = await world.person('menu', 'Anna');
    assert.equal(await view.menuPanel.isVisible(), false);
    await view.menu.focus();
    await view.page.keyboard.press('Enter');
    await view.menuPanel.waitFor();
    assert.equal(await view.focused(), 'menu-rename');
    // Tab stays inside the menu, or leaves the page for the browser.
    const visited = new Set();
    for (let press = 0; press < 8; press += 1) {
      await view.page.keyboard.press('Tab');
      const inside = await view.menuPanel.evaluate((panel) =>
        panel.contains(document.activeElement) || document.activeElement === document.body);
      assert.ok(inside, 'Tab does not lead to the page behind');
      visited.add(await view.focused());
    }
    for (const name of ['menu-oldest', 'menu-lines', 'menu-notify', 'menu-sound']) {
      assert.ok(visited.has(name), `${name} among ${[...visited]}`);
    }
    await view.page.evaluate(() => document.querySelector('#composer').focus());
    assert.notEqual(await view.focused(), 'composer', 'the page behind is inert');
    await view.page.keyboard.press('Escape');
    await view.menuPanel.waitFor({ state: 'hidden' });
    assert.equal(await view.focused(), 'room-menu');

    await view.menu.click();
    await view.menuPanel.waitFor();
    await view.page.mouse.click(300, 500);
    await view.menuPanel.waitFor({ state: 'hidden' });
  });

story('every item of the menu has a name, and every switch has a state that survives a reload', async (world) => {
  const view = await world.person('names', 'Anna');
  await view.menu.click();
  const panel = view.page.getByRole('dialog', { name: words.menu });
  await panel.getByRole('button', { name: words.rename }).waitFor();
  await panel.getByRole('button', { name: words.menu_oldest }).waitFor();
  for (const [name, isOn] of [
    [words.menu_lines, true], [words.notify, false], [words.sound, false],
  ]) {
    const shown = panel.getByRole('switch', { name, checked: isOn });
    await shown.waitFor();
  }
  const place = () => view.menuSwitch('sound')
    .evaluate((button) => getComputedStyle(button, '::after').translate);
  const off = await place();
  await view.menuSwitch('sound').press('Space');
  await panel.getByRole('switch', { name: words.sound, checked: true }).waitFor();
  await until('the knob to have moved', async () => (await place()) !== off);
  await view.menuSwitch('lines').click();
  await view.reload();
  await view.menu.click();
  await panel.getByRole('switch', { name: words.sound, checked: true }).waitFor();
  await panel.getByRole('switch', { name: words.menu_lines, checked: false }).waitFor();
});

story('the menu opens the nickname form', async (world) => {
  const view = await world.person('rename', 'Anna');
  await view.menu.click();
  await view.page.locator('.menu-rename').click();
  await view.menuPanel.waitFor({ state: 'hidden' });
  await view.focusIs('rename-input');
  await view.renameInput.fill('安娜');
  await view.renameSave.click();
  await view.showsMembers('安娜');
});

story('"Jump to start" leads to the first of 230 messages', async (world) => {
  const bot = await world.bot('oldest', 'bot');
  await bot.say(...numbered(1, 230));
  const view = await world.person('oldest', 'Anna');
  await view.shows('n 230');
  await view.menu.click();
  await view.page.locator('.menu-oldest').click();
  await view.message('n 1').first().waitFor();
  await until('the beginning in view', async () => {
    const box = await view.beginning.boundingBox().catch(() => null);
    const log = await view.log.boundingBox();
    return box && box.y + box.height > log.y && box.y < log.y + log.height;
  });
  assert.equal(await view.focused(), 'log');
});

story('on a screen of 360 px the menu has the tools that do not fit into the header', async (world) => {
  const view = await world.person('phone', 'Anna', PHONE);
  for (const part of [view.share, view.language, view.theme]) {
    assert.equal(await part.count(), 1);
    assert.equal(await part.isVisible(), false);
  }
  for (const part of [view.name, view.membersToggle, view.menu]) assert.ok(await part.isVisible());
  await view.menu.tap();
  await view.menuPanel.waitFor();
  const { width, height } = PHONE.viewport;
  const panel = await view.menuPanel.boundingBox();
  assert.ok(panel.x >= 0 && panel.x + panel.width <= width, JSON.stringify(panel));
  assert.ok(panel.y >= 0 && panel.y + panel.height <= height, JSON.stringify(panel));
  for (const button of await view.menuPanel.getByRole('button').or(view.menuPanel.getByRole('switch')).all()) {
    const box = await button.boundingBox();
    assert.ok(box.height >= FINGER_PX && box.width >= FINGER_PX, JSON.stringify(box));
  }
  await view.theme.tap();
  await until('dark', () => view.page.locator('html[data-theme="dark"]').count());
  await view.language.tap();
  await until('Chinese', () => view.page.locator('html[lang="zh-CN"]').count());
  await view.focusIs('language');
  await view.page.touchscreen.tap(20, height - 40);
  await view.menuPanel.waitFor({ state: 'hidden' });
});
