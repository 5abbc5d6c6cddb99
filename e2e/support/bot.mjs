// A member that speaks the protocol without a browser, and keeps every frame that it receives.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from './until.mjs';

/** The greeting: `self`, `member_count`, `members`, `history`. */
const GREETING_FRAMES = 4;

export class Bot {
  /** Every frame, parsed, in the order of arrival. */
  frames = [];
  /** `{ code, reason }` once the connection is closed. */
  closed;

  /** Enters a room, and waits for the greeting. */
  static async join(server, room, nickname) {
    const bot = new Bot();
    bot.socket = new WebSocket(server.socket(room, nickname));
    bot.socket.on('message', (data) => bot.frames.push(JSON.parse(data.toString())));
    bot.socket.on('error', (error) => (bot.error = error));
    bot.socket.on('close', (code, reason) => (bot.closed = { code, reason: reason.toString() }));
    await until(
      () => `a greeting (got ${JSON.stringify(bot.frames)}, ${bot.error ?? 'no error'})`,
      () => bot.of('history').length > 0,
    );
    return bot;
  }

  /** The frames of one type. */
  of(type) {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** The types of the frames that followed the greeting. */
  get typesSinceGreeting() {
    return this.frames.slice(GREETING_FRAMES).map((frame) => frame.type);
  }

  get pid() {
    return this.of('self')[0].payload;
  }

  /** The texts of all messages since the greeting. */
  get texts() {
    return this.of('normal').map((frame) => frame.payload);
  }

  /** Sends a frame unchanged. */
  send(text) {
    this.socket.send(text);
  }

  /** Sends texts in order, and waits until they come back. */
  async say(...texts) {
    const before = this.#own().length;
    texts.forEach((text) => this.send(text));
    const returned = () => this.#own().length - before;
    await until(
      () => `${texts.length} texts to come back, ${returned()} did`,
      () => returned() >= texts.length,
    );
    assert.deepEqual(this.#own().slice(before), texts);
  }

  #own() {
    const { pid } = this;
    const own = this.of('normal').filter((frame) => frame.from === pid);
    return own.map((frame) => frame.payload);
  }

  /** Waits for the message `text`, and returns its frame. */
  receives(text, patienceMs) {
    const find = () => this.of('normal').find((frame) => frame.payload === text);
    return until(() => `the bot to receive ${text}; it received ${this.texts}`, find, patienceMs);
  }

  /** Waits for a frame of `type` with `payload`. */
  receivesFrame(type, payload) {
    const find = () => this.of(type).find((frame) => frame.payload === payload);
    return until(`a ${type} frame with ${payload}`, find);
  }

  /** Sends numbered texts at a steady rate until `stop()`, which returns their number. */
  chatter(perSecond, text) {
    let said = 0;
    const timer = setInterval(() => this.send(text(said++)), 1000 / perSecond);
    // A test that fails does not call stop().
    this.socket.once('close', () => clearInterval(timer));
    return {
      stop: () => {
        clearInterval(timer);
        return said;
      },
    };
  }

  /** Leaves the room, as a browser does that is closed. */
  async leave() {
    if (this.closed) return;
    this.socket.close(1000);
    await once(this.socket, 'close');
  }

  /** Breaks the connection without a close frame. */
  vanish() {
    this.socket.terminate();
  }
}
