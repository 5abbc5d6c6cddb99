// A TCP relay between a page and the server. It can hold back the bytes of either side, cut and refuse
// connections, and be a slow line, so that a test decides when an answer arrives.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** The start of a browser's request for a WebSocket. */
const SOCKET_REQUEST = 'GET /xgate/websocket/';

/** How often a slow line passes something on, in milliseconds. */
const TICK_MS = 20;

export class Gate {
  #pairs = new Set();
  #held = { down: false, up: false };
  #isClosed = false;
  #refusesSockets = false;
  #answer;
  #bytesPerSecond;
  /** The number of requests for a WebSocket. */
  socketsSeen = 0;

  /** Opens a gate to the current port of a `Server`. */
  static async open(server) {
    const gate = new Gate();
    gate.server = server;
    gate.listener = createServer((near) => gate.#relay(near));
    gate.listener.listen(0, '127.0.0.1');
    await once(gate.listener, 'listening');
    gate.port = gate.listener.address().port;
    return gate;
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  #relay(near) {
    near.on('error', () => {});
    if (this.#isClosed) return near.destroy();
    const far = connect(this.server.port, '127.0.0.1');
    far.on('error', () => {});
    near.setNoDelay(true);
    far.setNoDelay(true);
    const pair = { near, far };
    this.#pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      this.#pairs.delete(pair);
    };
    near.on('close', end).on('data', (bytes) => {
      if (bytes.includes(SOCKET_REQUEST)) this.socketsSeen += 1;
      if (this.#refusesSockets && bytes.includes(SOCKET_REQUEST)) this.#refuse(near, end);
      else this.#pass(bytes, near, far);
    });
    far.on('data', (bytes) => this.#pass(bytes, far, near)).on('close', end);
    this.#apply(pair);
  }

  /** Passes bytes on: at once, or at the speed of the line, a piece at each tick. */
  #pass(bytes, from, to) {
    if (!this.#bytesPerSecond) return to.write(bytes);
    // The sender keeps the rest, as before a real modem.
    from.pause();
    const start = performance.now();
    let passed = 0;
    const step = () => {
      if (to.destroyed) return;
      // By the clock, so that a busy machine does not make the line slower.
      const due = Math.ceil(((performance.now() - start) * this.#bytesPerSecond) / 1000);
      to.write(bytes.subarray(passed, due));
      passed = Math.min(Math.max(passed, due), bytes.length);
      if (passed < bytes.length) setTimeout(step, TICK_MS);
      else from.resume();
    };
    setTimeout(step, TICK_MS);
  }

  /** Limits each direction to this many kilobits a second. */
  limit(kbitPerSecond) {
    this.#bytesPerSecond = (kbitPerSecond * 1000) / 8;
  }

  #refuse(near, end) {
    if (!this.#answer) return end();
    near.end(`HTTP/1.1 ${this.#answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  }

  #apply({ near, far }) {
    if (this.#held.up) near.pause();
    else near.resume();
    if (this.#held.down) far.pause();
    else far.resume();
  }

  /** Holds back the bytes of the server (`down`) or of the page (`up`). */
  hold(direction) {
    this.#held[direction] = true;
    this.#pairs.forEach((pair) => this.#apply(pair));
  }

  /** Passes on the bytes held back, and all further ones. */
  release() {
    this.#held = { down: false, up: false };
    this.#pairs.forEach((pair) => this.#apply(pair));
  }

  /** Drops all further bytes of the current connections, without a notice to either side. */
  forget() {
    for (const pair of this.#pairs) {
      pair.near.removeAllListeners('data').resume();
      pair.far.removeAllListeners('data').resume();
    }
  }

  /** Breaks every connection. Bytes held back are lost. */
  cut() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Breaks every connection and accepts no new ones. */
  shut() {
    this.#isClosed = true;
    this.cut();
  }

  /**
   * Refuses WebSockets and serves pages. Breaks current connections if `cut`. A request for a
   * WebSocket gets `answer`, as `503 Service Unavailable`, or else a broken connection.
   */
  refuseSockets({ cut = true, answer } = {}) {
    this.#refusesSockets = true;
    this.#answer = answer;
    if (cut) this.cut();
  }

  /** Accepts connections again. */
  reopen() {
    this.#isClosed = false;
    this.#refusesSockets = false;
    this.release();
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
