// Sharing a room: the link, the system's share sheet, the QR code.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { PHONE } from '../support/sizes.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';


story('the share panel takes the focus, and Escape restores it', async (world) => {
  const view = await world.person('a/b 小', 'Anna', {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const panel = view.part('#share-panel');
  const link = `${world.server.origin}/room/${encodeURIComponent('a/b 小')}`;
  assert.ok(await panel.isHidden());
  await view.share.focus();
  await view.page.keyboard.press('Enter');
  await panel.waitFor();
  assert.equal(await view.page.getByRole('dialog').getAttribute('aria-labelledby'), 'share-title');
  assert.equal(await view.part('#share-link').inputValue(), link);
  for (let press = 0; press < 8; press += 1) {
    const inside = await panel.evaluate((panel) =>
      panel.contains(document.activeElement) || document.activeElement === document.body);
    assert.ok(inside, 'the page behind the panel is inert');
    await view.page.keyboard.press('Tab');
  }
  await view.part('.share-copy').focus();
  await view.page.keyboard.press('Enter');
  await until('an answer', async () => (await view.part('.answer').textContent()).trim());
  assert.equal(await view.page.evaluate(() => navigator.clipboard.readText()), link);
  await view.page.keyboard.press('Escape');
  await panel.waitFor({ state: 'hidden' });
  assert.equal(await view.focused(), 'share', 'the focus is back on the button');
  await view.use(view.share);
  await view.part('.share-close').click();
  await panel.waitFor({ state: 'hidden' });
  await view.say('and on');
  await view.shows('and on');
});

story('the link is copied without the clipboard interface', async (world) => {
  const view = await world.person('old ways', 'Anna', {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  // As on a page without TLS.
  await view.page.evaluate(() => {
    const { clipboard } = navigator;
    window.pasted = () => clipboard.readText();
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
  });
  await view.use(view.share);
  await view.part('.share-copy').click();
  await until('an answer', async () => (await view.part('.answer').textContent()).trim());
  const pasted = await view.page.evaluate(() => window.pasted());
  assert.equal(pasted, `${world.server.origin}/room/old%20ways`);
});

story('the system’s share sheet is offered where it exists', async (world) => {
  const context = await world.context();
  await context.addInitScript(() => {
    navigator.share = async (data) => {
      window.shared = data;
    };
  });
  const view = new RoomPage(await world.tab(context));
  await view.open(world.server.origin, 'sheet', 'Anna');
  await view.use(view.share);
  await view.part('.share-sheet').click();
  assert.deepEqual(await view.page.evaluate(() => window.shared), {
    title: 'sheet',
    url: `${world.server.origin}/room/sheet`,
  });
});

story('the QR code is the address, fits on a phone and is readable in dark mode', async (world) => {
  const room = '聊天室'.repeat(6);
  const view = await world.person(room, 'Anna', { ...PHONE, colorScheme: 'dark' });
  await view.use(view.share);
  const code = view.part('#share-panel').getByRole('img');
  await until('the QR code', () => code.evaluate((image) => image.complete && image.naturalWidth));
  assert.ok(await code.getAttribute('alt'));
  const text = new URL(await code.evaluate((image) => image.src)).searchParams.get('text');
  assert.equal(text, `${world.server.origin}/room/${encodeURIComponent(room)}`);
  // The panel slides in.
  await until('the panel on the screen', async () => {
    const panel = await view.part('#share-panel').boundingBox();
    const { width, height } = PHONE.viewport;
    return panel.x >= 0 && panel.y >= 0 && panel.x + panel.width <= width
      && Math.abs(panel.y + panel.height - height) < 1;
  });
  const colours = await code.evaluate(async (image) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 200, height: 200 });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, 200, 200);
    const { data } = context.getImageData(0, 0, 200, 200);
    return { corner: data[0], dark: data.filter((_, at) => at % 4 === 0).filter((v) => v < 40).length };
  });
  assert.equal(colours.corner, 255, 'a quiet white border');
  assert.ok(colours.dark > 5_000, `${colours.dark} dark pixels`);
});

story('a text that has no QR code is refused with a reason', async (world) => {
  const landing = await world.visitor();
  for (const query of ['', '?text=', '?text=%FF', `?text=${'a'.repeat(1025)}`]) {
    const answer = await landing.page.request.get(`${world.server.origin}/qr.svg${query}`);
    assert.equal(answer.status(), 400, query);
    assert.match(answer.headers()['content-type'], /^application\/json/);
    assert.equal((await answer.json()).error.code, 'bad_text');
  }
  const answer = await landing.page.request.get(`${world.server.origin}/qr.svg?text=tea`);
  assert.equal(answer.headers()['content-type'], 'image/svg+xml');
  assert.equal(answer.headers()['x-content-type-options'], 'nosniff');
  assert.match(answer.headers()['cache-control'], /max-age=/);
});
