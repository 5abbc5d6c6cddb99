// The echo server (server/examples/echo.rs): the server's layers between socket and room, without a
// room. And a relay that cuts the bytes of both directions into small pieces.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { within } from './until.mjs';

const BUILT = fileURLToPath(new URL('../../target/debug/examples/echo', import.meta.url));
const PROGRAM = process.env.XMEET_ECHO || BUILT;

const START_MS = 15_000;

/** The path of the echo server's WebSockets. */
const PATH = '/xgate/websocket/echo?nickname=peer';

export class Echo {
  #child;

  static async start() {
    if (!existsSync(PROGRAM)) {
      throw new Error(`there is no ${PROGRAM}: set XMEET_ECHO, or build it: cargo build -p xmeet-server --example echo`);
    }
    const echo = new Echo();
    const child = spawn(PROGRAM, ['127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    echo.#child = child;
    process.on('exit', () => child.kill('SIGKILL'));
    const ready = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error('the echo server ended at once')));
      child.stdout.setEncoding('utf8').once('data', (line) => resolve(Number(line.trim().split(':').pop())));
    });
    echo.port = await within(START_MS, 'starting the echo server', ready);
    return echo;
  }

  get url() {
    return url(this.port);
  }

  async stop() {
    this.#child.removeAllListeners('exit');
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

const url = (port) => `ws://127.0.0.1:${port}${PATH}`;

/** The bytes of consecutive pieces, repeated. */
const PIECE_BYTES = [1, 2, 7, 1, 64, 3, 1500];

/** A relay to a port that sends a few bytes at a time, each piece in a packet of its own. */
export class Slicer {
  #server;
  #sockets = new Set();

  static async open(port) {
    const slicer = new Slicer();
    slicer.#server = createServer((client) => slicer.#relay(client, createConnection(port, '127.0.0.1')));
    slicer.#server.listen(0, '127.0.0.1');
    await once(slicer.#server, 'listening');
    return slicer;
  }

  get url() {
    return url(this.#server.address().port);
  }

  #relay(client, server) {
    for (const [from, to] of [[client, server], [server, client]]) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => this.#sockets.delete(from));
      pour(from, to);
    }
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function pour(from, to) {
  let pieces = 0;
  try {
    for await (const bytes of from) {
      for (let at = 0; at < bytes.length;) {
        const piece = bytes.subarray(at, at + PIECE_BYTES[pieces++ % PIECE_BYTES.length]);
        at += piece.length;
        if (!to.write(piece)) await once(to, 'drain');
        // The system has the piece before the next one follows.
        await new Promise((resolve) => { setImmediate(resolve); });
      }
    }
    to.end();
  } catch {
    to.destroy();
  }
}
