// The demo page of the protocol's author, unchanged except for the address in its #host field.
// `jquery.js` is from npm.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const PAGE = new URL('../fixtures/seed-demo.html', import.meta.url);
const JQUERY = new URL('../node_modules/jquery/dist/jquery.js', import.meta.url);
/** The value of the page's #host field, which is replaced. */
const AUTHORS_HOST = 'ws://meet.xpro.im:8080/xgate/websocket/xnestname';

/** Serves the page with `host` in its field. Returns `{ url, close }`. */
export async function serveSeedPage(host) {
  const parts = (await readFile(PAGE, 'utf8')).split(AUTHORS_HOST);
  assert.equal(parts.length, 2, 'the fixture names its host once');
  const files = {
    '/': ['text/html', parts.join(host)],
    '/jquery.js': ['text/javascript', await readFile(JQUERY)],
    '/favicon.ico': ['image/x-icon', ''],
  };
  const server = createServer((request, response) => {
    const [type, body] = files[new URL(request.url, 'http://seed').pathname] ?? [];
    response.writeHead(type ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}
