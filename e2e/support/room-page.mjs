// A room's page: its parts, what they show, and what a person does there.
import { focusedPart } from './page.mjs';
import { watchMiddleRow } from './middle-row.mjs';
import { until } from './until.mjs';

/** The largest distance from the bottom that counts as the bottom, in CSS pixels. */
const BOTTOM_PX = 1;

export class RoomPage {
  constructor(page) {
    this.page = page;
    const part = (selector) => page.locator(selector);
    this.part = part;
    for (const [key, selector] of Object.entries({
      name: '.room-name', count: '.member-count', connection: '.connection', tryNow: '.try-now',
      share: '.share', language: '.language', theme: '.theme', members: '#member-list', log: '.log',
      composer: '#composer', sendButton: '.send', command: '.command-notice', run: '.command-run',
      sendAsText: '.command-say', rename: '.own-avatar', renameInput: '#rename-input',
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

  /** Opens a room by its address, and waits until it is connected and shows its history. */
  async open(origin, room, nickname) {
    await this.goto(origin, room, nickname);
    await this.greeted();
  }

  /** Opens a room by its address without waiting for a connection. */
  async goto(origin, room, nickname) {
    const query = nickname === undefined ? '' : `?nickname=${encodeURIComponent(nickname)}`;
    await this.page.goto(`${origin}/room/${encodeURIComponent(room)}${query}`);
  }

  async reload() {
    await this.page.reload();
    await this.greeted();
  }

  /** Waits until a page that was just loaded is connected and shows its history. */
  async greeted() {
    await this.connected();
    // The first row of the list is drawn with the history.
    await this.log.locator('.top').waitFor({ state: 'attached' });
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
    await until('the page to show a lost connection', async () => {
      return ['lost', 'retrying', 'connecting'].includes(await this.state());
    });
  }

  /** Waits until the page shows that it waits for at least so many seconds before it reconnects. */
  async waitsForSeconds(seconds) {
    const shown = () => this.connection.textContent();
    await until(
      async () => `a wait of ${seconds} s or more; the page shows ${await shown()}`,
      async () => (await this.state()) === 'retrying' && Number(/\d+/.exec(await shown())?.[0]) >= seconds,
      40_000,
    );
  }

  row(kind) {
    return this.log.locator(`[data-row="${kind}"]`);
  }

  /** The rows of messages that contain this text. */
  message(text) {
    return this.row('message').filter({ hasText: text });
  }

  /** The offers of the menu above the message box, as `{ text, isChosen }`; none while it is closed. */
  choices() {
    return this.mentionMenu.getByRole('option').evaluateAll((options) =>
      options.map((option) => ({
        text: option.querySelector('bdi').textContent,
        isChosen: option.getAttribute('aria-selected') === 'true',
      })),
    );
  }

  /** Waits until the menu offers exactly these names, with the one at `chosen` selected. */
  async offers(names, chosen = 0) {
    const wanted = names.map((text, index) => ({ text, isChosen: index === chosen }));
    await until(
      async () => `the offers ${JSON.stringify(wanted)}; they are ${JSON.stringify(await this.choices())}`,
      async () => JSON.stringify(await this.choices()) === JSON.stringify(wanted),
    );
  }

  /** Replaces the text of the message box. */
  async type(text) {
    await this.composer.fill(text);
  }

  /** Types and sends: by Enter, or by the button if Enter starts a new line. */
  async say(text) {
    await this.type(text);
    const returnSends = (await this.composer.getAttribute('enterkeyhint')) === 'send';
    await (returnSends ? this.composer.press('Enter') : this.sendButton.click());
  }

  /** Waits for a confirmed message with this text, and returns its row. */
  async shows(text) {
    return until(
      async () => `a confirmed row with ${text}; there are ${JSON.stringify(await this.messages())}`,
      async () => (await this.messages()).find((row) => row.text === text && !row.pending),
    );
  }

  /** Waits until the messages have exactly these texts, in this order, and all are confirmed. */
  async showsExactly(...texts) {
    const wanted = JSON.stringify(texts);
    await until(
      async () => `exactly ${wanted}, confirmed; there are ${JSON.stringify(await this.messages())}`,
      async () => {
        const rows = await this.messages();
        return JSON.stringify(rows.map((row) => row.text)) === wanted
          && rows.every((row) => !row.pending);
      },
    );
  }

  /** Waits until the newest row is a pending message in this state, as `waiting`. */
  async newestIs(pending) {
    const newest = async () => (await this.messages()).at(-1);
    await until(
      async () => `the newest message to be ${pending}; it is ${JSON.stringify(await newest())}`,
      async () => (await newest())?.pending === pending,
    );
  }

  /** Waits until the button to the latest message counts so many. */
  async jumpCounts(count) {
    const counted = () => this.jump.getAttribute('data-count');
    await until(
      async () => `a button that counts ${count}; it counts ${await counted()}`,
      async () => (await counted()) === String(count),
    );
  }

  /** The id of the part that has the focus, or else its last class. */
  focused() {
    return focusedPart(this.page);
  }

  /** Waits until the part with this id or last class has the focus. */
  async focusIs(name) {
    await until(
      async () => `the focus on ${name}; it is on ${await this.focused()}`,
      async () => (await this.focused()) === name,
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

  /** The kinds of all rows, from top to bottom. */
  rowKinds() {
    return this.rows.evaluateAll((rows) => rows.map((row) => row.dataset.row));
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

  /** Waits for a system line of `kind` that contains `words`. */
  line(kind, words) {
    return until(
      async () => `a ${kind} line with ${words}; there are ${JSON.stringify(await this.lines())}`,
      async () => {
        const lines = await this.lines();
        return lines.find((line) => line.kind === kind && line.text.includes(words));
      },
    );
  }

  /** The member list as `{ pid, name, isSelf }`, also while it is not in view. */
  memberEntries() {
    return this.members.evaluate((list) =>
      [...list.querySelectorAll('[data-pid]')].map((entry) => ({
        pid: entry.dataset.pid,
        name: entry.querySelector('.member-name')?.textContent ?? null,
        isSelf: entry.dataset.self === 'true',
      })),
    );
  }

  /** Waits for the own entry in the member list, which is drawn after the connection's state. */
  me() {
    return until('the own entry in the member list', async () =>
      (await this.memberEntries()).find((person) => person.isSelf));
  }

  /** Waits until the list has exactly these names, in any order, and the count is their number. */
  async showsMembers(...names) {
    const wanted = JSON.stringify([...names].sort());
    const shown = async () => {
      const people = await this.memberEntries();
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

  /** Presses a tool of the header. A narrow window has it in the menu. */
  async use(tool) {
    if (!(await tool.isVisible())) await this.menu.click();
    await tool.click();
  }

  async number() {
    return Number(await this.count.getAttribute('data-count'));
  }

  /** Opens the form for the nickname, and waits for the focus, which the field takes a frame after
   * it is drawn: keys pressed earlier go elsewhere. */
  async openRename() {
    await this.rename.click();
    await this.focusIs('rename-input');
  }

  async renameTo(name) {
    await this.openRename();
    await this.renameInput.fill(name);
    await this.renameSave.click();
  }

  /** The distance of the list from its bottom, in CSS pixels. */
  fromBottom() {
    return this.log.evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
  }

  async atBottom() {
    await until(
      async () => `the list to be at its bottom; it is ${await this.fromBottom()} px away`,
      async () => (await this.fromBottom()) <= BOTTOM_PX,
    );
  }

  /** Turns the wheel over the list, and waits until the list is at rest. */
  async wheel(pixels) {
    await this.log.hover({ position: { x: 40, y: 40 } });
    await this.page.mouse.wheel(0, pixels);
    await this.atRest();
  }

  /** Scrolls the list to its top. */
  toTop() {
    return this.log.evaluate((log) => log.scrollTo(0, 0));
  }

  /** Waits until the list has not moved for some frames. */
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

  /** Watches the message in the middle of the view: see `watchMiddleRow`. */
  watchMiddleRow() {
    return watchMiddleRow(this.log);
  }
}
