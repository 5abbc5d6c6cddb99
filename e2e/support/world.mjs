// The frame of every browser test: `story(name, body)`. `body` gets a world that starts servers,
// pages and bots and ends them all. The test fails if a page complains in its console. A test that
// fails leaves screenshots in artifacts/.
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
import { Complaints, Frames } from './watch.mjs';

// Evidence of an earlier run would be taken for that of this one. A shard's runner removes it.
if (!IS_SHARD) rmSync(ARTIFACTS, { recursive: true, force: true });

/** The name of the test file. */
const FILE = basename(process.argv[1] ?? '').replace(/\.test\.mjs$/, '');

/** The longest time of a test unless it sets another, in milliseconds. */
const STORY_MS = 60_000;
/** The further time for ending what the test started. */
const CLEAN_UP_MS = 30_000;

/** Defines a test. `body` gets a world in which a server runs. */
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
  /** Every page that was opened, with the name of its person. */
  pages = [];

  constructor(t) {
    this.t = t;
  }

  async play({ settings, onSocket }, body) {
    this.server = await Server.start(settings, { onSocket });
    await body(this);
    assert.deepEqual(this.complaints.rest, [], 'no page complains in the console');
  }

  /** A browser profile: cookies, storage, language, theme, window size. */
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

  /** A tab in a profile. */
  async tab(context, who = 'a visitor') {
    const page = await context.newPage();
    this.complaints.watch(page, who);
    this.pages.push({ page, who });
    return page;
  }

  /**
   * A person in a room, in a profile of its own. `at` is a server or a gate. `hasClock` installs
   * `page.clock`, by which a test controls the page's time.
   */
  async person(room, nickname, { at = this.server, hasClock = false, ...options } = {}) {
    const page = await this.tab(await this.context(options), nickname ?? 'a guest');
    if (hasClock) await page.clock.install();
    const view = new RoomPage(page);
    await view.open(at.origin, room, nickname);
    return view;
  }

  /** Such a person, with the frames of the page from the first: `{ view, frames }`. */
  async watched(room, nickname, { at = this.server, ...options } = {}) {
    const page = await this.tab(await this.context(options), nickname);
    const frames = await Frames.of(page);
    const view = new RoomPage(page);
    await view.open(at.origin, room, nickname);
    return { view, frames };
  }

  /** A person on the front page. */
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

  /** A proxy in front of the server. `kind` is a function of `Proxy`. */
  async proxy(kind) {
    const proxy = await Proxy[kind](this.server);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** A person whose connection goes through a gate, which can break it. */
  async behindGate(room, nickname, options = {}) {
    this.complaints.allowUnreachable();
    const gate = await this.gate();
    return { gate, view: await this.person(room, nickname, { ...options, at: gate }) };
  }

  async keepEvidence(name) {
    await mkdir(ARTIFACTS, { recursive: true });
    const file = `${FILE}-${name}`.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 80);
    const lines = [...this.complaints.rest, this.server?.tail() ?? 'no server'];
    await writeFile(`${ARTIFACTS}${file}.log`, lines.join('\n'));
    for (const [number, { page, who }] of this.pages.entries()) {
      const path = `${ARTIFACTS}${file}.${number}.png`;
      const taken = page.screenshot({ path, timeout: 5_000 });
      await taken.then(
        () => this.t.diagnostic(`the page of ${who}: ${path}`),
        () => this.t.diagnostic(`no screenshot of the page of ${who}`),
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
