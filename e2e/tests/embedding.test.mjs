// Drops on the page, and frames around it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { outside } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Drags data over a part of the page and drops it. Returns whether each event was cancelled. */
function drop(part, kinds) {
  return part.evaluate((target, kinds) => {
    const data = new DataTransfer();
    for (const [type, value] of Object.entries(kinds)) {
      if (type === 'file') data.items.add(new File([value], 'picture.png', { type: 'image/png' }));
      else data.setData(type, value);
    }
    return ['dragover', 'drop'].map((name) => {
      const event = new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true });
      target.dispatchEvent(event);
      return event.defaultPrevented;
    });
  }, kinds);
}

story('dropping files, links or texts on the page does not leave the room', async (world) => {
  const view = await world.person('drop', 'Anna');
  const link = { 'text/uri-list': 'https://example.org/', 'text/plain': 'https://example.org/' };
  const places = [view.log, view.name, view.members, view.page.locator('body')];
  for (const kinds of [{ file: 'x' }, link, { 'text/plain': 'words' }, { 'text/html': '<b>x</b>' }]) {
    for (const place of places) assert.deepEqual(await drop(place, kinds), [true, true], JSON.stringify(kinds));
  }
  assert.deepEqual(await drop(view.composer, { file: 'x' }), [true, true]);
  assert.deepEqual(await drop(view.composer, { file: 'x', 'text/plain': 'x' }), [true, true]);
  assert.deepEqual(await drop(view.composer, { 'text/plain': 'words' }), [false, false], 'the message box accepts text');
});

story('dropping a file on the front page does not leave it', async (world) => {
  const landing = await world.visitor();
  assert.deepEqual(await drop(landing.page.locator('h1'), { file: 'x' }), [true, true]);
});

for (const [locale, { framed }] of [['en-US', outside.en], ['zh-CN', outside.zh]]) {
  story(`in a sandboxed frame without an origin the page says why it does not run, ${locale}`, {
    settings: ['--frame-ancestors', '*'],
  }, async (world) => {
    world.complaints.allow(/sandbox|CORS|Access-Control|ERR_FAILED|origin 'null'|SecurityError|Failed to load/i);
    const url = `${world.server.origin}/room/framed`;
    const host = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'text/html' })
      .end(`<!doctype html><iframe sandbox="allow-scripts" width=360 height=420 src="${url}"></iframe>`));
    host.listen(0, '127.0.0.1');
    await once(host, 'listening');
    try {
      const page = await world.tab(await world.context({ locale }));
      await page.goto(`http://127.0.0.1:${host.address().port}/`);
      const alert = page.frameLocator('iframe').getByRole('alert');
      await alert.getByText(framed).waitFor();
      assert.match(await alert.innerText(), /allow-same-origin/);
      assert.deepEqual(world.complaints.all.filter((line) => /Uncaught|pageerror/.test(line)), []);
    } finally {
      host.closeAllConnections();
      host.close();
    }
  });
}
