// The delivery of the page and its files: types, caching, compression, total size.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** The most that one load of a page may take from the network, in bytes. */
const PAGE_BYTES_MAX = 200 * 1024;

/** Sends a request without a client's own caching or compression. */
function get(origin, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(origin + path, { headers }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const { statusCode: status, headers } = response;
        resolve({ status, headers, body: Buffer.concat(parts) });
      });
    });
    sent.on('error', reject).end();
  });
}

/** Returns the paths of the files that the page names. */
async function files(origin) {
  const page = (await get(origin, '/')).body.toString();
  const named = [...page.matchAll(/["']\.(\/[^"'\s]+\.(?:js|css|wasm|svg|png|ico))["']/g)];
  return [...new Set(named.map(([, path]) => path))];
}

story('every room has the same page, which is revalidated and not sent twice', async (world) => {
  const { origin } = world.server;
  const page = await get(origin, '/');
  assert.equal(page.status, 200);
  assert.match(page.headers['content-type'], /^text\/html; charset=utf-8$/i);
  assert.match(page.headers['cache-control'], /no-cache/);
  assert.match(page.body.toString(), /^<!doctype html>/i);
  for (const path of ['/room/tea', '/room/a%2Fb', `/room/${encodeURIComponent('聊天')}`]) {
    const room = await get(origin, path);
    assert.equal(room.status, 200, path);
    // A room is one folder further down, and hidden from search engines: its address is its key.
    const expected = page.body.toString().replaceAll('"./', '"../')
      .replace('</title>', '</title><meta name="robots" content="noindex">');
    assert.equal(room.body.toString(), expected, path);
    const known = await get(origin, path, { 'if-none-match': room.headers.etag });
    assert.equal(known.status, 304, path);
  }
  const { etag } = page.headers;
  assert.ok(etag);
  const known = await get(origin, '/', { 'if-none-match': etag });
  assert.equal(known.status, 304);
  assert.equal(known.body.length, 0);
  assert.equal(known.headers.etag, etag);
  const changed = await get(origin, '/', { 'if-none-match': '"another"' });
  assert.equal(changed.status, 200);
});

story('files have types and hashed names, and are cached for good', async (world) => {
  const { origin } = world.server;
  const types = { js: 'text/javascript', css: 'text/css', wasm: 'application/wasm' };
  const named = await files(origin);
  for (const [kind, type] of Object.entries(types)) {
    const paths = named.filter((path) => path.endsWith(`.${kind}`));
    assert.ok(paths.length > 0, `the page names ${kind} files: ${named}`);
    for (const path of paths) {
      const file = await get(origin, path);
      assert.equal(file.status, 200, path);
      assert.equal(file.headers['content-type'].split(';')[0], type, path);
      if (/[0-9a-f]{12,16}/.test(path)) {
        assert.match(file.headers['cache-control'], /immutable/, path);
        assert.match(file.headers['cache-control'], /max-age=31536000/, path);
      } else assert.doesNotMatch(file.headers['cache-control'], /immutable/, path);
    }
    assert.ok(paths.some((path) => /[0-9a-f]{12,16}/.test(path)), `${paths} have hashed names`);
  }
});

story('files are compressed as the browser asks, and decompress to the same bytes', async (world) => {
  const { origin } = world.server;
  for (const path of ['/', ...(await files(origin))]) {
    const plain = await get(origin, path);
    assert.equal(plain.headers['content-encoding'], undefined, path);
    const br = await get(origin, path, { 'accept-encoding': 'gzip, deflate, br' });
    const gzip = await get(origin, path, { 'accept-encoding': 'gzip' });
    for (const packed of [br, gzip]) assert.match(packed.headers.vary, /accept-encoding/i, path);
    if (/\.(js|css|wasm)$/.test(path)) {
      assert.equal(br.headers['content-encoding'], 'br', path);
      assert.equal(gzip.headers['content-encoding'], 'gzip', path);
    }
    const unpack = ({ headers, body }) => {
      const how = { br: brotliDecompressSync, gzip: gunzipSync }[headers['content-encoding']];
      return how ? how(body) : body;
    };
    assert.deepEqual(unpack(br), plain.body, path);
    assert.deepEqual(unpack(gzip), plain.body, path);
  }
});

story('an unknown path is a 404 without the page', async (world) => {
  for (const path of [
    '/missing.js', '/xmeet-0123456789abcdef.js', '/room', '/room/', '/room/a/b', '/index.htm',
    '/..%2f..%2fetc/passwd', '/xgate/',
  ]) {
    const { status, body } = await get(world.server.origin, path);
    assert.equal(status, 404, path);
    assert.doesNotMatch(body.toString(), /<html/i, path);
  }
});

/** Records what a page loads from the network from now on, by address, without WebSockets. */
async function loadsOf(page) {
  const cdp = await page.context().newCDPSession(page);
  const [requests, cached, loads] = [new Map(), new Set(), new Map()];
  cdp.on('Network.requestServedFromCache', ({ requestId }) => cached.add(requestId));
  cdp.on('Network.responseReceived', ({ requestId, response, type }) => {
    if (type === 'WebSocket' || response.fromDiskCache || cached.has(requestId)) return;
    const { url, status, headers } = response;
    const fresh = { url, status, encoding: headers['content-encoding'], bytes: 0 };
    const load = loads.get(url) ?? fresh;
    requests.set(requestId, load);
    loads.set(url, load);
  });
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const load = requests.get(requestId);
    if (load) load.bytes += encodedDataLength;
  });
  await cdp.send('Network.enable');
  return loads;
}

story('a first visit to a room loads at most 200 KB in all', async (world) => {
  const page = await world.tab(await world.context());
  const loads = await loadsOf(page);
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'weight', 'Anna');
  await view.say('able to type');
  await view.shows('able to type');
  await until('the end of every load', () => [...loads.values()].every(({ bytes }) => bytes > 0));
  let total = 0;
  for (const { url, status, encoding, bytes } of loads.values()) {
    const path = new URL(url).pathname;
    world.t.diagnostic(`${path} ${bytes} bytes ${encoding ?? 'plain'}`);
    total += bytes;
    assert.equal(status, 200, url);
    assert.ok(bytes > 0, `${url} was loaded`);
    if (/\.(js|css|wasm)$/.test(path)) assert.equal(encoding, 'br', url);
    assert.equal(new URL(url).origin, world.server.origin, 'every file is from this server');
  }
  world.t.diagnostic(`one cold load: ${total} bytes`);
  assert.ok([...loads.keys()].some((url) => url.endsWith('.wasm')), 'the client is among the files');
  assert.ok(total <= PAGE_BYTES_MAX, `${total} bytes`);
});

story('a second visit loads only the page again', async (world) => {
  const page = await world.tab(await world.context());
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'again', 'Anna');
  await page.waitForLoadState('networkidle');
  const loads = await loadsOf(page);
  await view.open(world.server.origin, 'again', 'Anna');
  const paths = [...loads.keys()].map((url) => new URL(url).pathname);
  assert.deepEqual(paths, ['/room/again'], 'loads from the network');
});
