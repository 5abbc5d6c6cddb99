// A room's page, as a person sees it: what it shows, and what can be done there.
import { until } from './until.mjs';

/** How close to the bottom is "at the bottom", in CSS pixels. */
export const BOTTOM_PX = 1;

export class RoomPage {
  constructor(page) {
    this.page = page;
    const part = (selector) => page.locator(selector);
    this.part = part;
    for (const [key, selector] of Object.entries({
      name: '.room-name', count: '.member-count', connection: '.connection', tryNow: '.try-now',
      share: '.share', language: '.language', theme: '.theme', members: '#member-list', log: '.log',
      composer: '#composer', sendButton: '.send', command: '.command-notice', run: '.command-run',
      sayIt: '.command-say', rename: '.own-avatar', renameInput: '#rename-input',
      renameSave: '.rename-save', jump: '.jump', error: '.server-error', resend: '.pending-resend',
      edit: '.pending-edit', membersToggle: '.members-toggle', mentionMenu: '#mentions',
      menu: '.room-menu', menuPanel: '#room-menu-panel',
    })) {
      this[key] = part(selector);
    }
    this.rows = this.log.locator('[data-row]');
    this.beginning = this.row('beginning');
    this.gap = this.row('gap');
  }

  /** A switch of the menu: `lines`, `notify`, `sound` or `return`. */
  menuSwitch(name) {
    return this.page.locator(`.menu-${name}`);
  }

  /** Opens a room by its address; comes back when connected. */
  async open(origin, room, nickname) {
    await this.goto(origin, room, nickname);
    await this.connected();
  }

  /** Opens a room by its address and does not wait for a connection. */
  async goto(origin, room, nickname) {
    const query = nickname === undefined ? '' : `?nickname=${encodeURIComponent(nickname)}`;
    await this.page.goto(`${origin}/room/${encodeURIComponent(room)}${query}`);
  }

  async reload() {
    await this.page.reload();
    await this.connected();
  }

  state() {
    return this.connection.getAttribute('data-state');
  }

  async connected() {
    await until(
      async () => `a connection; it is ${await this.state().catch(() => 'not shown')}`,
      async () => (await this.connection.count()) && (await this.state()) === 'connected',
      40_000,
    );
  }

  async disconnected() {
    await until('the page to show that the connection is lost', async () => {
      return ['lost', 'retrying', 'connecting'].includes(await this.state());
    });
  }

  row(kind) {
    return this.log.locator(`[data-row="${kind}"]`);
  }

  /** The rows of messages that have this text in them. */
  message(text) {
    return this.row('message').filter({ hasText: text });
  }

  /** What the menu over the box offers, as `{ text, isChosen }`; nothing while it is closed. */
  choices() {
    return this.mentionMenu.getByRole('option').evaluateAll((options) =>
      options.map((option) => ({
        text: option.querySelector('bdi').textContent,
        isChosen: option.getAttribute('aria-selected') === 'true',
      })),
    );
  }

  /** Waits until the menu offers exactly this, with the one at `chosen` ready for Enter. */
  async offers(names, chosen = 0) {
    const wanted = names.map((text, index) => ({ text, isChosen: index === chosen }));
    await until(
      async () => `${JSON.stringify(wanted)}; offered is ${JSON.stringify(await this.choices())}`,
      async () => JSON.stringify(await this.choices()) === JSON.stringify(wanted),
    );
  }

  /** Types into the box, replacing what is there. */
  async type(text) {
    await this.composer.fill(text);
  }

  /** Types and sends: by Enter, or by the button where Enter starts a new line. */
  async say(text) {
    await this.type(text);
    const returnSends = (await this.composer.getAttribute('enterkeyhint')) === 'send';
    await (returnSends ? this.composer.press('Enter') : this.sendButton.click());
  }

  /** Waits until a message is there, settled, and gives back its row. */
  async shows(text) {
    return until(
      async () => `a settled row with ${text}; there are ${JSON.stringify(await this.messages())}`,
      async () => (await this.messages()).find((row) => row.text === text && !row.pending),
    );
  }

  /** Message rows from top to bottom. */
  messages() {
    return this.log.evaluate((log) => {
      const inside = (row, selector) => row.querySelector(selector)?.textContent ?? null;
      return [...log.querySelectorAll('[data-row="message"]')].map((row) => ({
        id: row.dataset.id === undefined ? null : Number(row.dataset.id),
        pending: row.dataset.pending ?? null,
        author: inside(row, '.author'),
        text: inside(row, '.text'),
        time: inside(row, 'time'),
      }));
    });
  }

  async texts() {
    return (await this.messages()).map((row) => row.text);
  }

  /** System lines as `{ kind, text }`, from top to bottom. */
  lines() {
    return this.log.evaluate((log) =>
      [...log.querySelectorAll('[data-row="system"]')].map((row) => ({
        kind: row.dataset.kind,
        text: row.textContent,
      })),
    );
  }

  /** Waits for a system line of `kind` that has `words` in it. */
  line(kind, words) {
    return until(
      async () => `a ${kind} line with ${words}; there are ${JSON.stringify(await this.lines())}`,
      async () => {
        const lines = await this.lines();
        return lines.find((line) => line.kind === kind && line.text.includes(words));
      },
    );
  }

  /** The member list as `{ pid, name, isSelf }`, wherever on the screen it is. */
  people() {
    return this.members.evaluate((list) =>
      [...list.querySelectorAll('[data-pid]')].map((entry) => ({
        pid: entry.dataset.pid,
        name: entry.querySelector('.member-name')?.textContent ?? null,
        isSelf: entry.dataset.self === 'true',
      })),
    );
  }

  /** Waits until oneself is in the list, which is drawn after the connection is. */
  me() {
    return until('oneself in the list', async () =>
      (await this.people()).find((person) => person.isSelf));
  }

  /** Waits until exactly these names are in the list, in whatever order, and the count agrees. */
  async showsPeople(...names) {
    const wanted = JSON.stringify([...names].sort());
    const shown = async () => {
      const people = await this.people();
      return { names: people.map((person) => person.name).sort(), count: await this.number() };
    };
    await until(
      async () => `the people ${wanted}; shown are ${JSON.stringify(await shown())}`,
      async () => {
        const { names, count } = await shown();
        return JSON.stringify(names) === wanted && count === names.length;
      },
    );
  }

  /** Presses one of the header's tools, which a narrow window has in its menu. */
  async use(tool) {
    if (!(await tool.isVisible())) await this.menu.click();
    await tool.click();
  }

  async number() {
    return Number(await this.count.getAttribute('data-count'));
  }

  /** Opens the form for one's own name. Its field takes the focus a frame after it is drawn: what
   * is typed before then would go to it. */
  async openRename() {
    await this.rename.click();
    await until('the focus in the form', () =>
      this.renameInput.evaluate((field) => document.activeElement === field));
  }

  async renameTo(name) {
    await this.openRename();
    await this.renameInput.fill(name);
    await this.renameSave.click();
  }

  /** How far the list is from its bottom, in CSS pixels. */
  fromBottom() {
    return this.log.evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
  }

  async atBottom() {
    await until(
      async () => `the list to be at its bottom; it is ${await this.fromBottom()} px away`,
      async () => (await this.fromBottom()) <= BOTTOM_PX,
    );
  }

  /** Turns the wheel over the list; comes back when it has come to rest. */
  async wheel(pixels) {
    await this.log.hover({ position: { x: 40, y: 40 } });
    await this.page.mouse.wheel(0, pixels);
    await this.atRest();
  }

  /** Waits until the list has not moved for a few frames. */
  atRest() {
    return this.log.evaluate((log) => {
      const FRAMES = 6;
      return new Promise((resolve) => {
        let last = log.scrollTop;
        let still = 0;
        const look = () => {
          still = log.scrollTop === last ? still + 1 : 0;
          last = log.scrollTop;
          if (still >= FRAMES) resolve();
          else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      });
    });
  }

  /**
   * Watches the message in the middle of the view, frame by frame. `stop()` gives back
   * `{ id, drift, frames }`: the most that its text moved, in CSS pixels; Infinity if it went away.
   */
  async keepAnEyeOnTheMiddle() {
    const watcher = await this.log.evaluateHandle((log) => {
      const view = log.getBoundingClientRect();
      const middle = view.top + view.height / 2;
      const rows = [...log.querySelectorAll('[data-row="message"][data-id]')];
      const row = rows.find((row) => row.getBoundingClientRect().bottom > middle) ?? rows.at(-1);
      const { id } = row.dataset;
      // The text and not the row: its heading goes when the page above turns out to be by the
      // same author.
      const topOf = (row) =>
        row.querySelector('.text').getBoundingClientRect().top;
      const start = topOf(row);
      const watcher = { id: Number(id), drift: 0, frames: 0, isOn: true };
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        // The row may have been drawn anew: it is the same to the eye.
        const now = log.querySelector(`[data-row="message"][data-id="${id}"]`);
        const moved = now ? Math.abs(topOf(now) - start) : Infinity;
        watcher.drift = Math.max(watcher.drift, moved);
        watcher.frames += 1;
        if (watcher.isOn) requestAnimationFrame(after);
      };
      // A message posted in a frame arrives once the frame has been laid out and painted.
      const after = () => channel.port2.postMessage(null);
      requestAnimationFrame(after);
      return watcher;
    });
    return {
      stop: async () => {
        const seen = await watcher.evaluate((watcher) => watcher.frames);
        await until('two more frames', () =>
          watcher.evaluate((watcher, seen) => watcher.frames > seen + 2, seen),
        );
        const { id, drift, frames } = await watcher.evaluate((watcher) => {
          watcher.isOn = false;
          // Infinity is nothing to JSON.
          return { ...watcher, drift: String(watcher.drift) };
        });
        return { id, drift: Number(drift), frames };
      },
    };
  }
}
