// Records of a page: its complaints in the console, and the frames of its WebSockets.

import { devtools } from './browser.mjs';

/** Messages of browsers about a WebSocket that cannot reach the server. */
const UNREACHABLE = new RegExp("WebSocket connection to '[^']*' failed"
  + "|can’t establish a connection to the server at wss?:|connection to wss?:\\S+ was interrupted");

/** The message of Playwright in tests without service workers. */
const BLOCKED = /Service Worker registration blocked by Playwright/;

/** Collects errors and warnings of the console, and uncaught exceptions. */
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

  /** Allows what browsers report when a test breaks connections. */
  allowUnreachable() {
    this.allow(UNREACHABLE);
  }

  /** Allows complaints that a test causes on purpose. */
  allow(pattern) {
    this.#allowed.push(pattern);
  }

  /** All complaints. */
  get all() {
    return [...this.#list];
  }

  /** The complaints that are not allowed. */
  get rest() {
    const allowed = (line) => this.#allowed.some((pattern) => pattern.test(line));
    return this.#list.filter((line) => !allowed(line));
  }
}

/** The frames of every WebSocket that a page opens from now on. */
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

  /** The sent frames without requests of history pages, which the client sends by itself. */
  get sentTexts() {
    return this.sent.filter((text) => !text.startsWith('@history:'));
  }

  /** The requests of history pages. */
  get pageRequests() {
    return this.sent.filter((text) => text.startsWith('@history:'));
  }
}
