// What every browser test starts from: `story(name, body)`. The world it hands out starts servers,
// people and bots, ends them all, fails the test when any page complained in its console, and
// leaves screenshots in artifacts/ when the test fails for whatever reason.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { basename } from 'node:path';
import { ARTIFACTS } from './artifacts.mjs';
import { Bot } from './bot.mjs';
import { IS_SHARD, NeedsChromium, browser } from './browser.mjs';
import { Gate } from './gate.mjs';
import { IN_FIREFOX } from './kind.mjs';
import { LandingPage } from './landing-page.mjs';
import { Proxy } from './proxy.mjs';
import { RoomPage } from './room-page.mjs';
import { Server } from './server.mjs';
import { PATIENCE_MS, within } from './until.mjs';
import { Complaints } from './watch.mjs';

// Evidence of an earlier run would be taken for that of this one. A shard's runner removes it.
if (!IS_SHARD) rmSync(ARTIFACTS, { recursive: true, force: true });

/** The name of the test file. */
const FILE = basename(process.argv[1] ?? '').replace(/\.test\.mjs$/, '');

/** How long a story may take, in milliseconds, unless it says otherwise. */
const STORY_MS = 60_000;
/** For what a story leaves behind to be put away. */
const CLEAN_UP_MS = 30_000;

/** Defines a test: `body` gets a world, with a server running in it. */
export function story(name, ...rest) {
  const body = rest.pop();
  const { ms = STORY_MS, ...options } = rest.pop() ?? {};
  test(name, { timeout: ms + CLEAN_UP_MS }, async (t) => {
    const world = new World(t);
    try {
      await within(ms, 'the test', world.play(options, body));
    } catch (error) {
      if (error instanceof NeedsChromium) {
        return t.skip(error.message);
      }
      await world.keepEvidence(name);
      throw error;
    } finally {
      await world.end();
    }
  });
}

class World {
  #contexts = [];
  #bots = [];
  #gates = [];
  #proxies = [];
  complaints = new Complaints();
  /** Every page that was opened, with the name of whoever looks at it. */
  pages = [];

  constructor(t) {
    this.t = t;
  }

  async play({ settings, onSocket }, body) {
    this.server = await Server.start(settings, { onSocket });
    await body(this);
    assert.deepEqual(this.complaints.rest, [], 'pages must not complain in the console');
  }

  /** A browser of somebody's own: cookies, storage, language, theme, size of the window. */
  async context(options = {}) {
    if (IN_FIREFOX && options.isMobile) throw new NeedsChromium('it needs a touch screen');
    const context = await (await browser()).newContext({
      locale: 'en-US',
      viewport: { width: 1280, height: 800 },
      ...options,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    this.#contexts.push(context);
    return context;
  }

  /** A tab of a browser. */
  async tab(context, who = 'somebody') {
    const page = await context.newPage();
    this.complaints.watch(page, who);
    this.pages.push({ page, who });
    return page;
  }

  /** Somebody in a room, in a browser of their own. `at` is a server or a gate. */
  async person(room, nickname, { at = this.server, ...options } = {}) {
    const page = await this.tab(await this.context(options), nickname ?? 'somebody');
    const view = new RoomPage(page);
    await view.open(at.origin, room, nickname);
    return view;
  }

  /** Somebody at the front page. */
  async visitor(options = {}) {
    const page = await this.tab(await this.context(options));
    const view = new LandingPage(page);
    await view.open(this.server.origin);
    return view;
  }

  async bot(room, nickname) {
    const bot = await Bot.join(this.server, room, nickname);
    this.#bots.push(bot);
    return bot;
  }

  async gate() {
    const gate = await Gate.open(this.server);
    this.#gates.push(gate);
    return gate;
  }

  /** A proxy in front of the server, named as the functions of `Proxy` that start one. */
  async proxy(kind) {
    const proxy = await Proxy[kind](this.server);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** Somebody whose connection goes through a gate, so that the test can take it away. */
  async behindGate(room, nickname) {
    this.complaints.allowUnreachable();
    const gate = await this.gate();
    return { gate, view: await this.person(room, nickname, { at: gate }) };
  }

  async keepEvidence(name) {
    await mkdir(ARTIFACTS, { recursive: true });
    const file = `${FILE}-${name}`.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 80);
    const said = [...this.complaints.rest, this.server?.tail() ?? 'no server'];
    await writeFile(`${ARTIFACTS}${file}.log`, said.join('\n'));
    for (const [number, { page, who }] of this.pages.entries()) {
      const path = `${ARTIFACTS}${file}.${number}.png`;
      const taken = page.screenshot({ path, timeout: 5_000 });
      await taken.then(
        () => this.t.diagnostic(`what ${who} saw: ${path}`),
        () => this.t.diagnostic(`no screenshot of what ${who} saw`),
      );
    }
  }

  async end() {
    await Promise.all(this.#contexts.map((context) => context.close()));
    this.#bots.forEach((bot) => bot.vanish());
    this.#gates.forEach((gate) => gate.close());
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.server?.remove();
  }
}
