// A browser's own WebSocket checks the wire, as the clients of clients.test.mjs do.
import assert from 'node:assert/strict';
import { casesFor } from '../clients/cases.mjs';
import { hold } from '../clients/browser_client.mjs';
import { Echo, Slicer } from '../support/echo.mjs';
import { story } from '../support/world.mjs';

/** The close codes that a page may send (WebSockets Standard, `close`). */
const BROWSER = { ops: ['binary'], closes: (code) => code === 1000 || code >= 3000 };

for (const how of ['directly', 'in small pieces']) {
  story(`the browser completes every conversation ${how}`, { ms: 120_000 }, async (world) => {
    const echo = await Echo.start();
    const slicer = await Slicer.open(echo.port);
    try {
      const { url } = how === 'directly' ? echo : slicer;
      const page = await world.tab(await world.context());
      // Only a page of the echo server's own origin may connect to it. The server has no icon.
      world.complaints.allow(/favicon\.ico/);
      await page.goto(new URL('/', url.replace('ws:', 'http:')).href);
      for (const { name, steps, expected } of casesFor(BROWSER)) {
        assert.deepEqual(await hold(page, url, steps), expected, name);
      }
    } finally {
      await slicer.close();
      await echo.stop();
    }
  });
}
