// Accessibility: the keyboard alone, names for screen readers, reduced motion, forced colours.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

story('the keyboard alone is enough to enter a room, send a message and change the nickname', async (world) => {
  const bot = await world.bot('keys', 'bot');
  const landing = await world.visitor();
  const { page } = landing;
  const { keyboard } = page;
  /** Presses Tab until the part with this name has the focus, which must be visible. */
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
        return { name: activeElement.id || [...activeElement.classList].at(-1), shown };
      });
      visited.push(here.name);
      if (here.name === name) {
        assert.ok(here.shown, `the focus on ${name} is visible`);
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
  await bot.receives('no mouse');
  await tabTo('own-avatar');
  await keyboard.press('Enter');
  await tabTo('rename-input');
  await keyboard.press('ControlOrMeta+A');
  await keyboard.type('Änna');
  await keyboard.press('Enter');
  await bot.receivesFrame('changename', 'Änna');
  await tabTo('language');
  await keyboard.press('Enter');
  await until('Chinese', () =>
    view.page.locator('html[lang="zh-CN"]').count());
  await tabTo('log');
});

story('the message list has the role log, and every control has a name', async (world) => {
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

/** Presses Tab and returns each stop: its name, its part of the page, how the focus looks. */
async function tabs(page, presses) {
  const steps = [];
  for (let press = 0; press < presses; press += 1) {
    await page.keyboard.press('Tab');
    const step = await page.evaluate(() => {
      const part = document.activeElement;
      if (part === document.body) return null;
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      const rgb = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
      };
      const luminance = ([...parts]) => {
        const [r, g, b] = parts.map((part) => part / 255)
          .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      let behind = part.parentElement;
      while (behind && rgb(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(part);
      const ground = rgb(getComputedStyle(behind ?? document.body).backgroundColor);
      const pair = [luminance(rgb(outlineColor)), luminance(ground)].sort((a, b) => a - b);
      return {
        name: part.id || [...part.classList].at(-1),
        region: part.closest('header, .log, .composer, .members')?.className,
        isSeen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
        contrast: (pair[1] + 0.05) / (pair[0] + 0.05),
      };
    });
    if (!step) break;
    steps.push(step);
  }
  return steps;
}

for (const colorScheme of ['light', 'dark']) {
  story(`Tab goes through header, list, message box and members with a visible focus, ${colorScheme}`, async (world) => {
    await world.bot('order', 'bot');
    const landing = await world.visitor({ colorScheme });
    const view = await world.person('order', 'Anna', { colorScheme });
    for (const { page } of [landing, view]) {
      // The page first moves the focus into its field.
      await until('the focus in a field', () => page.evaluate(() =>
        document.activeElement.matches('input, textarea')));
      await page.locator('.brand').focus();
      const steps = await tabs(page, 30);
      assert.ok(steps.length >= 6, JSON.stringify(steps));
      for (const { name, isSeen, contrast } of steps) {
        assert.ok(isSeen && contrast >= 3, `${name}: ${isSeen}, ${contrast} to 1`);
      }
      if (page !== view.page) continue;
      const regions = steps.map((step) => step.region);
      const order = regions.filter((region, at) => region !== regions[at - 1]);
      assert.deepEqual(order, ['room-header', 'log', 'composer', 'members']);
    }
  });
}

story('reduced motion: nothing slides or pulses', async (world) => {
  world.complaints.allowUnreachable();
  const gate = await world.gate();
  const bot = await world.bot('still', 'bot');
  const view = await world.person('still', 'Anna', {
    at: gate, reducedMotion: 'reduce', viewport: { width: 360, height: 740 },
  });
  await view.page.evaluate(() => {
    window.moved = [];
    const look = () => {
      for (const animation of document.getAnimations()) {
        const { activeDuration } = animation.effect.getComputedTiming();
        const name = animation.animationName ?? animation.transitionProperty;
        if (activeDuration > 0) window.moved.push(`${name} of ${animation.effect.target.className}`);
      }
      requestAnimationFrame(look);
    };
    look();
  });
  await view.membersToggle.click();
  await view.members.waitFor({ state: 'visible' });
  await view.page.keyboard.press('Escape');
  await view.members.waitFor({ state: 'hidden' });
  await view.use(view.share);
  await view.part('.share-copy').hover();
  await view.page.keyboard.press('Escape');
  await view.use(view.theme);
  await view.page.keyboard.press('Escape');
  await bot.say(...numbered(0, 59));
  await view.shows('n 59');
  gate.hold('up');
  await view.say('on its way');
  await view.message('on its way').waitFor();
  gate.cut();
  await view.disconnected();
  gate.release();
  await view.connected();
  assert.deepEqual(await view.page.evaluate(() => [...new Set(window.moved)]), []);
});

story('forced colours: controls have borders and the focus is visible', async (world) => {
  await world.bot('forced', 'bot');
  const view = await world.person('forced', 'Anna', { forcedColors: 'active' });
  await view.say('mine');
  await view.shows('mine');
  const edgeless = await view.page.evaluate(() =>
    [...document.querySelectorAll('.tools button, .send, textarea, .own .text, .avatar')]
      .filter((part) => parseFloat(getComputedStyle(part).borderTopWidth) < 1)
      .map((part) => part.className));
  assert.deepEqual(edgeless, []);
  for (const { name, isSeen, contrast } of await tabs(view.page, 12)) {
    assert.ok(isSeen && contrast >= 3, `${name}: ${isSeen}, ${contrast} to 1`);
  }
});

story('the members button moves the focus into a list that is already open', async (world) => {
  const view = await world.person('beside', 'Anna');
  await view.membersToggle.focus();
  await view.page.keyboard.press('Enter');
  await until('the focus in the list', () =>
    view.members.evaluate((list) => list === document.activeElement));
  await view.composer.click();
  await view.say('nothing is locked');
  await view.shows('nothing is locked');
});
