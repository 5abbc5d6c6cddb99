// The client in docs/protocol.md, unchanged, in Node with the package `ws`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const [, source] = /```js\n(function join[^]*?)```/.exec(document);

/** Returns the client's `join`, and `end`, because the client itself reconnects for ever. */
function run() {
  const sockets = [];
  let isOver = false;
  class Recorded extends WebSocket {
    constructor(url) {
      super(url);
      this.on('error', () => {});
      sockets.push(this);
    }
  }
  const later = (act, ms) => setTimeout(() => { if (!isOver) act(); }, ms);
  const join = new Function('WebSocket', 'setTimeout', `${source}; return join;`)(Recorded, later);
  const end = () => {
    isOver = true;
    sockets.forEach((socket) => socket.terminate());
  };
  return { join, end };
}

story('the client of the protocol document shows each message once, with its author, across a restart', async (world) => {
  const room = 'documented';
  const bot = await world.bot(room, '黑旋风李逵');
  await bot.say('before');
  const shown = [];
  const { join, end } = run();
  world.t.after(end);
  const say = join(world.server.socket(room, 'reader'), (message) => shown.push(message));
  await until('the history', () => shown.some(({ payload }) => payload === 'before'));
  say('live');
  await until('its own message', () => shown.some(({ payload }) => payload === 'live'));
  await world.server.crash();
  await world.server.restart();
  const other = await world.bot(room, 'other');
  await other.say('after');
  await until('the message after the restart', () => shown.some(({ payload }) => payload === 'after'));
  assert.deepEqual(
    shown.map(({ payload, nickname }) => [payload, nickname]),
    [['before', '黑旋风李逵'], ['live', 'reader'], ['after', 'other']],
  );
});
