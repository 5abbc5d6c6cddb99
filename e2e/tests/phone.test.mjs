// The page on a phone: 360 px wide, touched with fingers.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
/** The smallest thing that a finger hits for sure, in CSS pixels. */
const FINGER_PX = 44;

story('on 360 px everything is in reach and nothing is wider than the screen', async (world) => {
  const bot = await world.bot('phone', 'a name with thirty-two characters');
  await bot.say('x'.repeat(600), 'https://example.org/' + 'path/'.repeat(60));
  const view = await world.person('phone', 'Anna', PHONE);
  await view.shows('x'.repeat(600));
  const { width, height } = PHONE.viewport;
  const overflow = () => view.page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.querySelector('[data-testid="log"]').scrollWidth
      - document.querySelector('[data-testid="log"]').clientWidth,
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
  await bot.hears('from a phone');
  await view.atBottom();
  assert.deepEqual(await overflow(), [width, 0]);
});

story('on 360 px the member list opens over the page, and Escape closes it', async (world) => {
  await world.bot('phone', 'bot');
  const view = await world.person('phone', 'Anna', PHONE);
  await view.showsPeople('bot', 'Anna');
  assert.equal(await view.members.isVisible(), false);
  await view.membersToggle.tap();
  await view.members.waitFor({ state: 'visible' });
  const inList = () => view.page.evaluate(() => {
    const dialog = document.querySelector('[data-testid="members"]').closest('[role="dialog"]');
    return dialog.contains(document.activeElement);
  });
  await until('the keyboard to be in the list', inList);
  // It may slide in.
  await until('the list to be on the screen', async () => {
    const { x, width } = await view.members.boundingBox();
    return x >= 0 && x + width <= PHONE.viewport.width;
  });
  await view.page.keyboard.press('Escape');
  await view.members.waitFor({ state: 'hidden' });
  const focused = await view.page.evaluate(() => document.activeElement.dataset.testid);
  assert.equal(focused, 'members-toggle', 'the keyboard is back where it was');
  await view.say('and on');
  await view.shows('and on');
});

story('on a phone the front page works, and nothing is too small for a finger', async (world) => {
  const landing = await world.visitor(PHONE);
  const small = async (view) => {
    const controls = view.page.locator('button:visible, input:visible, textarea:visible');
    const found = [];
    for (const control of await controls.all()) {
      const box = await control.boundingBox();
      const name = await control.evaluate((element) => element.dataset.testid || element.id
        || element.getAttribute('aria-label') || element.textContent);
      const size = await control.evaluate((element) =>
        parseFloat(getComputedStyle(element).fontSize));
      const isField = await control.evaluate((element) => element.matches('input, textarea'));
      if (box.height < FINGER_PX || box.width < FINGER_PX) {
        found.push(`${name}: ${box.width} x ${box.height}`);
      }
      // Below 16 px an iPhone zooms in when the field is touched.
      if (isField && size < 16) found.push(`${name}: text of ${size} px`);
    }
    return found;
  };
  assert.deepEqual(await small(landing), []);
  await landing.room.fill('phone');
  await landing.nickname.fill('Anna');
  await landing.go.tap();
  await landing.page.waitForURL('**/room/phone*');
  const view = new RoomPage(landing.page);
  await view.connected();
  assert.deepEqual(await small(view), []);
  const scroll = await view.page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(scroll, PHONE.viewport.width);
});
