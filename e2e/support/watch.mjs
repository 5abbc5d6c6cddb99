// What a page does behind the scenes: its complaints, and the frames on its WebSockets.

import { devtools } from './browser.mjs';

/** What browsers themselves write to the console when a WebSocket cannot reach the server. */
const UNREACHABLE = /WebSocket connection to '[^']*' failed|can’t establish a connection to the server at wss?:|connection to wss?:\S+ was interrupted/;

/** What the driver of the browser writes where a test does without service workers. */
const BLOCKED = /Service Worker registration blocked by Playwright/;

/** Collects errors and warnings of the console, and exceptions nobody caught. */
export class Complaints {
  #list = [];
  #allowed = [BLOCKED];

  watch(page, who) {
    page.on('console', (message) => {
      if (['error', 'warning', 'assert'].includes(message.type())) {
        const { url, lineNumber } = message.location();
        this.#list.push(`${who}: ${message.type()}: ${message.text()} (${url}:${lineNumber})`);
      }
    });
    page.on('pageerror', (error) => this.#list.push(`${who}: ${error.stack ?? error}`));
    page.on('crash', () => this.#list.push(`${who}: the page crashed`));
  }

  /** For tests that take the server away: the browser complains then, whatever the page does. */
  allowUnreachable() {
    this.allow(UNREACHABLE);
  }

  /** For tests that break something else on purpose. */
  allow(pattern) {
    this.#allowed.push(pattern);
  }

  /** All that came, allowed or not. */
  get all() {
    return [...this.#list];
  }

  /** Those that nobody allowed. */
  get rest() {
    const allowed = (line) => this.#allowed.some((pattern) => pattern.test(line));
    return this.#list.filter((line) => !allowed(line));
  }
}

/** Records the frames of every WebSocket that a page opens from now on. */
export class Frames {
  sent = [];
  received = [];

  static async of(page) {
    const frames = new Frames();
    const cdp = await devtools(page);
    cdp.on('Network.webSocketFrameSent', ({ response }) => {
      // Opcode 1 is text (RFC 6455 section 5.2).
      if (response.opcode === 1) frames.sent.push(response.payloadData);
    });
    cdp.on('Network.webSocketFrameReceived', ({ response }) => {
      if (response.opcode === 1) frames.received.push(response.payloadData);
    });
    await cdp.send('Network.enable');
    return frames;
  }

  /** What was sent, pages of history left out: those the client asks for by itself. */
  get said() {
    return this.sent.filter((text) => !text.startsWith('@history:'));
  }

  /** The pages that were asked for. */
  get asked() {
    return this.sent.filter((text) => text.startsWith('@history:'));
  }
}
