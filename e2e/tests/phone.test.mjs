// The page on a phone: 360 px wide, with a touch screen.
import assert from 'node:assert/strict';
import { animationsEnd } from '../support/page.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { PHONE, FINGER_PX } from '../support/sizes.mjs';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** The error of positions while a panel slides in, in CSS pixels. */
const ROUNDING_PX = 0.01;

story('on a screen of 360 px every control is in view and nothing is wider than the screen', async (world) => {
  const bot = await world.bot('phone', 'a name with thirty-two characters');
  await bot.say('x'.repeat(600), 'https://example.org/' + 'path/'.repeat(60));
  const view = await world.person('phone', 'Anna', PHONE);
  await view.shows('x'.repeat(600));
  const { width, height } = PHONE.viewport;
  const overflow = () => view.page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.querySelector('.log').scrollWidth
      - document.querySelector('.log').clientWidth,
  ]);
  assert.deepEqual(await overflow(), [width, 0]);
  const inside = { composer: view.composer, send: view.sendButton, name: view.name };
  for (const [name, part] of Object.entries(inside)) {
    const box = await part.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= width, `${name}: ${JSON.stringify(box)}`);
    assert.ok(box.y >= 0 && box.y + box.height <= height, `${name}: ${JSON.stringify(box)}`);
  }
  await view.type('from a phone');
  await view.sendButton.tap();
  await view.shows('from a phone');
  await bot.receives('from a phone');
  await view.atBottom();
  assert.deepEqual(await overflow(), [width, 0]);
});

story('on a screen of 360 px the member list opens over the page, and Escape closes it', async (world) => {
  await world.bot('phone', 'bot');
  const view = await world.person('phone', 'Anna', PHONE);
  await view.showsMembers('bot', 'Anna');
  assert.equal(await view.members.isVisible(), false);
  await view.membersToggle.tap();
  await view.members.waitFor({ state: 'visible' });
  const inList = () => view.page.evaluate(() => {
    const dialog = document.querySelector('#member-list').closest('[role="dialog"]');
    return dialog.contains(document.activeElement);
  });
  await until('the focus in the list', inList);
  // The list slides in.
  await until('the list on the screen', async () => {
    const { x, width } = await view.members.boundingBox();
    return x >= 0 && x + width <= PHONE.viewport.width;
  });
  await view.page.keyboard.press('Escape');
  await view.members.waitFor({ state: 'hidden' });
  const isBack = () => view.page.evaluate(() =>
    document.activeElement.classList.contains('members-toggle'));
  await until('the focus on the button', isBack);
  // The same before the list has the focus.
  await view.page.evaluate(() => {
    const toggle = document.querySelector('.members-toggle');
    toggle.click();
    const escape = new KeyboardEvent('keydown', { key: 'Escape', bubbles: true });
    document.body.dispatchEvent(escape);
  });
  await until('the focus on the button again', isBack);
  assert.equal(await view.members.isVisible(), false);
  await view.say('and on');
  await view.shows('and on');
});

/** Returns the controls that are too small for a finger, and fields that a phone zooms into. */
async function small(view) {
  return view.page.evaluate((fingerPx) => {
    const controls = document.querySelectorAll('button, a[href], input, textarea, [role=button]');
    const found = [];
    for (const control of controls) {
      // A link among words has the height of the words.
      if (control.closest('.text') || !control.checkVisibility()) continue;
      const { width, height } = control.getBoundingClientRect();
      const { fontSize, visibility } = getComputedStyle(control);
      if (visibility === 'hidden') continue;
      const name = control.id || control.className || control.textContent;
      if (width < fingerPx || height < fingerPx) found.push(`${name}: ${width} x ${height}`);
      // Below 16 px an iPhone zooms in when the field is touched.
      const isField = control.matches('input, textarea');
      if (isField && parseFloat(fontSize) < 16) found.push(`${name}: text of ${fontSize}`);
    }
    return found;
  }, FINGER_PX - ROUNDING_PX);
}

for (const [device, viewport] of Object.entries({
  phone: PHONE.viewport,
  tablet: { width: 1024, height: 768 },
})) {
  story(`on a ${device} no control is too small for a finger`, async (world) => {
    const touched = { ...PHONE, viewport };
    const landing = await world.visitor(touched);
    assert.deepEqual(await small(landing), []);
    await landing.room.fill('x'.repeat(33));
    await landing.nickname.fill('Anna');
    await landing.go.tap();
    await new RoomPage(landing.page).connected();
    await landing.page.goto(`${world.server.origin}/`);
    await landing.recent.waitFor();
    assert.deepEqual(await small(landing), [], 'with recent rooms');
    await world.bot('fingers', 'bot');
    const gate = await world.gate();
    world.complaints.allowUnreachable();
    const view = await world.person('fingers', 'Anna', { ...touched, at: gate });
    assert.deepEqual(await small(view), [], 'a room');
    await view.menu.tap();
    assert.deepEqual(await small(view), [], 'the menu');
    await view.page.keyboard.press('Escape');
    await view.use(view.share);
    assert.deepEqual(await small(view), [], 'sharing');
    await view.page.keyboard.press('Escape');
    if (await view.members.isHidden()) {
      await view.membersToggle.tap();
      await view.members.waitFor({ state: 'visible' });
      assert.deepEqual(await small(view), [], 'the members');
      await view.page.keyboard.press('Escape');
      await view.members.waitFor({ state: 'hidden' });
    }
    await view.openRename();
    await view.type('@history:0');
    await view.sendButton.tap();
    await view.command.waitFor();
    assert.deepEqual(await small(view), [], 'renaming, and a command');
    gate.shut();
    await view.tryNow.waitFor();
    assert.deepEqual(await small(view), [], 'without a connection');
  });
}

story('at 320 px and at 200 % nothing is wider than the screen', async (world) => {
  const bot = await world.bot('narrow', 'W'.repeat(32));
  await bot.say('x'.repeat(300), 'https://example.org/' + 'path/'.repeat(60));
  for (const viewport of [{ width: 320, height: 568 }, { width: 640, height: 400 }]) {
    const sideways = async (view) => view.page.evaluate(() =>
      [...document.querySelectorAll('html, .room, .log, .room-header, dialog[open]')]
        .filter((part) => part.scrollWidth > Math.ceil(part.clientWidth)).map((part) => part.className));
    const landing = await world.visitor({ viewport, locale: 'zh-CN' });
    assert.deepEqual(await sideways(landing), []);
    const view = await world.person('narrow', 'Anna', { viewport });
    await view.shows('x'.repeat(300));
    assert.deepEqual(await sideways(view), []);
    for (const part of [view.sendButton, view.composer, view.menu, view.name]) {
      const box = await part.boundingBox();
      assert.ok(box.width > 20 && box.x >= 0 && box.x + box.width <= viewport.width, `${part}`);
      assert.ok(box.y >= 0 && box.y + box.height <= viewport.height, `${part}`);
    }
    await view.use(view.share);
    const panel = await view.part('#share-panel').boundingBox();
    assert.ok(panel.x >= 0 && panel.x + panel.width <= viewport.width);
    assert.deepEqual(await sideways(view), []);
    // All of the panel is in view without scrolling.
    await animationsEnd(view.page);
    for (const part of ['.share-close', '#share-link', '.share-copy']) {
      const box = await view.part(part).boundingBox();
      assert.ok(box.y >= panel.y - 1 && box.y + box.height <= viewport.height, `${part}: ${box.y}`);
    }
    await view.part('.share-copy').scrollIntoViewIfNeeded();
  }
});

story('a notch in the screen covers no control', async (world) => {
  const viewport = { width: 740, height: 360 };
  const insets = { top: 10, left: 44, right: 44, bottom: 21 };
  await world.bot('notch', 'bot');
  const check = async (view, selector) => {
    const outside = await view.page.evaluate(([selector, insets]) =>
      [...document.querySelectorAll(selector)]
        .filter((part) => part.checkVisibility())
        .map((part) => [part.className, part.getBoundingClientRect()])
        .filter(([, box]) => box.left < insets.left || box.right > innerWidth - insets.right
          || box.top < insets.top || box.bottom > innerHeight - insets.bottom)
        .map(([name, box]) => `${name}: ${JSON.stringify(box)}`), [selector, insets]);
    assert.deepEqual(outside, []);
  };
  const view = await world.person('notch', 'Anna', { ...PHONE, viewport });
  const cdp = await view.page.context().newCDPSession(view.page);
  await cdp.send('Emulation.setSafeAreaInsetsOverride', { insets });
  await until('the insets', () => view.page.evaluate(() => {
    const probe = document.createElement('i');
    probe.style.cssText = 'position: fixed; padding-left: env(safe-area-inset-left)';
    document.body.append(probe);
    const { paddingLeft } = getComputedStyle(probe);
    probe.remove();
    return paddingLeft === '44px';
  }));
  await check(view, '.room-header :is(a, button), .composer :is(button, textarea)');
  await view.membersToggle.tap();
  await view.members.waitFor({ state: 'visible' });
  // The list slides in.
  await animationsEnd(view.page);
  await check(view, '.members button, .members bdi');
});

story('above the keyboard field, newest message and header are in view, and Send keeps the keyboard open', async (world) => {
  const bot = await world.bot('keyboard', 'bot');
  await bot.say(...numbered(0, 59, 'row'));
  const view = await world.person('keyboard', 'Anna', PHONE);
  await view.shows('row 59');
  await view.atBottom();
  await view.composer.tap();
  await view.composer.evaluate((field) => {
    window.blurs = 0;
    field.addEventListener('blur', () => (window.blurs += 1));
  });
  // The page asks for a keyboard that makes the page lower (`interactive-widget`).
  const KEYBOARD_PX = 300;
  const height = PHONE.viewport.height - KEYBOARD_PX;
  await view.page.setViewportSize({ ...PHONE.viewport, height });
  const inView = async (text) => {
    await view.atBottom();
    const [field, row] = [await view.composer.boundingBox(), await view.message(text).boundingBox()];
    assert.ok(field.y + field.height <= height, JSON.stringify(field));
    assert.ok(row.y + row.height <= field.y, `${JSON.stringify(row)} is behind the field`);
    for (const part of [view.menu, view.membersToggle]) {
      const box = await part.boundingBox();
      assert.ok(box.y >= 0 && box.y + box.height < row.y, JSON.stringify(box));
    }
    assert.equal(await view.page.evaluate(() => window.scrollY), 0);
  };
  await inView('row 59');
  await view.type('typed with thumbs');
  await view.sendButton.tap();
  await bot.receives('typed with thumbs');
  await view.shows('typed with thumbs');
  await inView('typed with thumbs');
  assert.equal(await view.page.evaluate(() => document.activeElement.id), 'composer');
  assert.equal(await view.page.evaluate(() => window.blurs), 0, 'the keyboard stays open');
});

story('Send does not zoom, and pulling down does not reload the page', async (world) => {
  const view = await world.person('gestures', 'Anna', PHONE);
  const style = (part, name) =>
    part.evaluate((part, name) => getComputedStyle(part)[name], name);
  assert.equal(await style(view.sendButton, 'touchAction'), 'manipulation');
  assert.equal(await style(view.page.locator('html'), 'overscrollBehaviorY'), 'none');
  assert.match(await style(view.log, 'overscrollBehaviorY'), /contain|none/);
  const viewport = await view.page.locator('meta[name=viewport]').getAttribute('content');
  assert.doesNotMatch(viewport, /user-scalable|maximum-scale/, 'pinching is allowed');
});

story('a tap on a row shows its date, time and zone', async (world) => {
  const bot = await world.bot('times', 'bot');
  await bot.say('first', 'second');
  const view = await world.person('times', 'Anna', { ...PHONE, timezoneId: 'Asia/Kolkata' });
  await view.shows('second');
  const shown = (text) => view.message(text).locator('time')
    .evaluate((time) => getComputedStyle(time, '::after').content);
  assert.equal(await shown('first'), 'none');
  for (const text of ['first', 'second']) {
    await view.message(text).locator('.text').tap();
    await until(`the date of ${text}`, async () => /20\d\d.*\d\d:\d\d.*UTC\+05:30/.test(await shown(text)));
    const box = await view.message(text).locator('time').boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= PHONE.viewport.width, JSON.stringify(box));
    const words = await view.message(text).locator('.text').boundingBox();
    assert.ok(box.y + box.height <= words.y + 4, 'the tapped text stays readable');
  }
  assert.equal(await shown('first'), 'none', 'one row at a time');
});
