// The real `xmeet` binary with a data folder of its own. It can be killed and restarted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { within } from './until.mjs';

const BUILT = fileURLToPath(new URL('../../target/release/xmeet', import.meta.url));

/** The program under test: that of `cargo xtask test`, or else that of `cargo xtask dist`. */
export const XMEET_BIN = process.env.XMEET_BIN || BUILT;

const START_MS = 15_000;
/** The longest time that the server needs to stop after a SIGTERM, and a margin. */
const STOP_MS = 6_000;
/** The number of the last lines of the log that a failure shows. */
const LOG_LINES = 30;

const running = new Set();
// An interrupted run leaves no servers behind.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Server {
  #child;
  #ended;
  #log = '';

  /**
   * Starts a server on a free port, or on a Unix socket. `settings` are further arguments of the
   * program. Bots send faster than the limits allow, so there are none without `--no-limits=false`.
   */
  static async start(settings = [], { onSocket = false } = {}) {
    if (!existsSync(XMEET_BIN)) {
      throw new Error(`there is no ${XMEET_BIN}: set XMEET_BIN, or build it: cargo xtask dist`);
    }
    const server = new Server();
    const hasLimits = settings.some((setting) => setting.startsWith('--no-limits'));
    server.settings = hasLimits ? settings : ['--no-limits', ...settings];
    server.folder = await mkdtemp(join(tmpdir(), 'xmeet-e2e-'));
    server.socketPath = onSocket ? join(server.folder, 'xmeet.sock') : undefined;
    await server.#launch(0);
    return server;
  }

  async #launch(port) {
    const listen = this.socketPath ? `unix:${this.socketPath}` : `127.0.0.1:${port}`;
    const args = ['--listen', listen, '--data-dir', this.folder, ...this.settings];
    const child = spawn(XMEET_BIN, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    running.add(child);
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      running.delete(child);
      return { code, signal };
    });
    const from = this.#log.length;
    const ready = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.stderr.setEncoding('utf8').on('data', (text) => {
        this.#log += text;
        const found = /ready.*?url=(?:http:\/\/127\.0\.0\.1:(\d+)|unix:)/.exec(plain(this.#log.slice(from)));
        if (found) resolve(Number(found[1]));
      });
      this.#ended.then(() => reject(new Error(`xmeet ended at once:\n${this.tail()}`)));
    });
    this.port = await within(START_MS, 'starting xmeet', ready);
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The address of a room's WebSocket. */
  socket(room, nickname) {
    const query = nickname === undefined ? '' : `?nickname=${encodeURIComponent(nickname)}`;
    return `ws://127.0.0.1:${this.port}/xgate/websocket/${encodeURIComponent(room)}${query}`;
  }

  /** The last lines of the log. */
  tail() {
    return plain(this.#log).split('\n').slice(-LOG_LINES).join('\n');
  }

  /** kill -9. */
  async crash() {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM. Returns `{ code, signal }`. */
  async stop() {
    this.#child.kill('SIGTERM');
    return within(STOP_MS, 'the end of xmeet after SIGTERM', this.#ended);
  }

  /** Starts again on the same port with the same data. */
  async restart() {
    await this.#launch(this.port);
  }

  /** Deletes the data. The server must not be running. */
  async wipe() {
    await rm(this.folder, { recursive: true, force: true });
  }

  async remove() {
    await this.crash();
    await this.wipe();
  }
}

/** Returns a text without the colours of a terminal. */
function plain(text) {
  return text.replace(/\x1b\[[0-9;]*m/g, '');
}
