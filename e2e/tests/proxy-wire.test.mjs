// Each proxy in deploy/: every room name is the same room as without a proxy, and no log has a nickname
// or a session token.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

const TOKEN = 'token-that-no-log-may-have-0123456789';
const NICKNAME = 'Nickname-that-no-log-may-have';

/** Room names that a proxy might decode, merge, shorten or refuse. */
const ROOMS = [
  'plain', 'a/b', '/', '//', 'a//b', '/a/', '../x', 'a/../b', './x', 'a\\b', 'a%2Fb', 'a%b', '%', '%00x',
  'a+b', 'a b', ' a', 'a?b#c', 'a;b=c', 'a&b=c', 'a:b@c', '聊天 室', '😀', `a'b"c`, 'v1.', '.hidden', '~x',
  '{x}|^`', '<b>', '$1', '*', 'index.html', 'xgate',
];

const PROXIES = [
  ['nginx', []],
  ['nginxBelow', ['--path-prefix', '/chat']],
  ['caddy', []],
  ['caddyBelow', []],
  ['apache', []],
  ['haproxy', []],
];

/** The address of a room's WebSocket behind a site's origin. */
function address(origin, room, query = '') {
  return `${origin.replace(/^http/, 'ws')}/xgate/websocket/${encodeURIComponent(room)}?nickname=${NICKNAME}${query}`;
}

/** Connects, and returns the member count of the greeting, or the reason for the failure. */
async function enter(url) {
  const socket = new WebSocket(url, { rejectUnauthorized: false });
  let count;
  let end;
  socket.on('message', (data) => {
    const frame = JSON.parse(data.toString());
    if (frame.type === 'member_count') count ??= frame.payload;
  });
  socket.on('error', (error) => (end ??= error.message));
  socket.on('close', (code) => (end ??= `close ${code}`));
  await until(`a greeting from ${url}`, () => count !== undefined || end !== undefined);
  return { socket, found: end ?? count };
}

for (const [kind, settings] of PROXIES) {
  story(`every room is the same room behind ${kind}`, { onSocket: true, settings }, async (world) => {
    const proxy = await world.proxy(kind);
    const wrong = [];
    for (const room of ROOMS) {
      const direct = await enter(address(`ws+unix:${world.server.socketPath}:`, room));
      const behind = await enter(address(proxy.origin, room));
      if (String(behind.found) !== '2') wrong.push([room, behind.found, direct.found]);
      for (const { socket } of [direct, behind]) socket.terminate();
    }
    assert.deepEqual(wrong, []);
  });

  story(`no log of ${kind} has a nickname or a session token`, { onSocket: true, settings }, async (world) => {
    const proxy = await world.proxy(kind);
    const url = address(proxy.origin, 'logged-room', `&session=${TOKEN}`);
    const { socket, found } = await enter(url);
    assert.equal(String(found), '1');
    socket.close(1000);
    await once(socket, 'close');
    // Most proxies log more about failures: a refused request, and one without a server.
    await enter(address(proxy.origin, 'logged-room', `&session=${TOKEN}%00`));
    const page = `${proxy.origin}/room/logged-room?nickname=${NICKNAME}`;
    await fetchAnything(page);
    await world.server.crash();
    await enter(url);
    await fetchAnything(page.replace('logged-room', 'last-room'));
    await until('the last request in the log', async () =>
      (await proxy.logged()).includes('/room/last-room'));
    const log = await proxy.logged();
    for (const secret of [TOKEN, NICKNAME, 'session=token', 'nickname=Nick']) {
      assert.ok(!log.includes(secret), `${secret} in: ${log}`);
    }
  });
}

/** Requests a page with an unknown certificate, and ignores the answer. */
async function fetchAnything(url) {
  const { request } = await import(url.startsWith('https') ? 'node:https' : 'node:http');
  await new Promise((resolve) => {
    const asked = request(url, { rejectUnauthorized: false }, (answer) => answer.resume().on('end', resolve));
    asked.on('error', resolve).end();
  });
}
