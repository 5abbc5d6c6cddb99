// A member that speaks the protocol and nothing else, and remembers every frame it was sent.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { until } from './until.mjs';

export class Bot {
  /** Every frame, parsed, in the order of arrival. */
  frames = [];
  /** `{ code, reason }` once the connection is closed. */
  closed;

  /** Enters a room; comes back when greeted. */
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

  get pid() {
    return this.of('self')[0].payload;
  }

  /** What was said while it was there, by anybody. */
  get texts() {
    return this.of('normal').map((frame) => frame.payload);
  }

  /** Sends a frame as it stands. */
  send(text) {
    this.socket.send(text);
  }

  /** Says texts, in order; comes back when all of them were kept. */
  async say(...texts) {
    const before = this.#own().length;
    texts.forEach((text) => this.send(text));
    const kept = () => this.#own().length - before;
    await until(
      () => `${texts.length} texts to come back, ${kept()} did`,
      () => kept() >= texts.length,
    );
    assert.deepEqual(this.#own().slice(before), texts);
  }

  #own() {
    const { pid } = this;
    const own = this.of('normal').filter((frame) => frame.from === pid);
    return own.map((frame) => frame.payload);
  }

  /** Waits for somebody to say `text`, and gives back the frame. */
  hears(text, patienceMs) {
    const find = () => this.of('normal').find((frame) => frame.payload === text);
    return until(() => `the bot to hear ${text}; it heard ${this.texts}`, find, patienceMs);
  }

  /** Waits for a frame of `type` with `payload`. */
  sees(type, payload) {
    const find = () => this.of(type).find((frame) => frame.payload === payload);
    return until(`a ${type} frame with ${payload}`, find);
  }

  /** Says numbered texts at a steady rate until `stop()`, which gives back how many it said. */
  chatter(perSecond, text) {
    let said = 0;
    const timer = setInterval(() => this.send(text(said++)), 1000 / perSecond);
    // A test that fails does not come to its stop().
    this.socket.once('close', () => clearInterval(timer));
    return {
      stop: () => {
        clearInterval(timer);
        return said;
      },
    };
  }

  /** Leaves the room as a browser does that is closed. */
  async leave() {
    if (this.closed) return;
    this.socket.close(1000);
    await once(this.socket, 'close');
  }

  /** Goes away without a word. */
  vanish() {
    this.socket.terminate();
  }
}
