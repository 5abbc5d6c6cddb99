// The original jQuery demo page, unchanged, with bots and with the web client.
import assert from 'node:assert/strict';
import { serveSeedPage } from '../support/seed-site.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

const ROOM = 'xnestname';

/** The demo page in a tab: the frames that it prints, and its two ways of sending. */
class SeedPage {
  static async open(world, nickname) {
    const seed = new SeedPage();
    const site = await serveSeedPage(world.server.socket(ROOM, nickname));
    world.t.after(site.close);
    seed.page = await world.tab(await world.context(), nickname);
    await seed.page.goto(site.url);
    await until('the greeting on the demo page', async () => (await seed.of('history')).length > 0);
    return seed;
  }

  /** The frames that the page has printed. */
  async frames() {
    const lines = await this.page.locator('#console p.response').allTextContents();
    return lines.map((line) => JSON.parse(line));
  }

  async of(type) {
    return (await this.frames()).filter((frame) => frame.type === type);
  }

  shows(payload) {
    return until(
      async () => `the demo page to show ${payload}: ${JSON.stringify(await this.frames())}`,
      async () => (await this.of('normal')).find((frame) => frame.payload === payload),
    );
  }

  /** Types at the end of the field, in which the page leaves a blank after each message. */
  async enter(text) {
    await this.page.locator('#console_input').focus();
    await this.page.keyboard.press('End');
    await this.page.keyboard.type(text);
    await this.page.keyboard.press('Enter');
  }
}

story('the demo page connects and receives the greeting in the original order', async (world) => {
  const seed = await SeedPage.open(world, '小明');
  const frames = await seed.frames();
  const types = frames.map((frame) => frame.type);
  assert.deepEqual(types, ['self', 'member_count', 'members', 'history']);
  assert.equal(frames[1].payload, 1);
  assert.deepEqual(frames[2].payload, [{ pid: frames[0].payload, nickname: '小明' }]);
  const notes = await seed.page.locator('#console p.success').allTextContents();
  assert.deepEqual(notes, ['Browser supports web sockets!', 'connected... ']);
});

story('the demo page sends by Enter, and by its button with the time added', async (world) => {
  const bot = await world.bot(ROOM, 'bot');
  const seed = await SeedPage.open(world, 'seed');
  await bot.receivesFrame('join', 'seed');
  await seed.enter('大家好');
  const first = await bot.receives('大家好');
  await seed.shows('大家好');
  await seed.page.locator('#console_input').pressSequentially('again');
  const before = Date.now();
  await seed.page.locator('#console_send').click();
  const second = await until('the message of the button', () => bot.of('normal')[1]);
  // The page clears its field with a blank.
  const time = Number(/^ again(\d{13})$/.exec(second.payload)?.[1]);
  assert.ok(time >= before && time <= Date.now(), second.payload);
  assert.equal(first.from, second.from);
  await seed.shows(second.payload);
  assert.equal((await seed.of('normal')).length, 2, 'each message once');
});

story('the demo page reconnects with its own button after a restart', async (world) => {
  world.complaints.allowUnreachable();
  const seed = await SeedPage.open(world, 'seed');
  const button = seed.page.locator('#host_connect');
  assert.ok(await button.isDisabled());
  await seed.enter('kept');
  await seed.shows('kept');
  await world.server.crash();
  await seed.page.locator('#console p.error', { hasText: 'Socket closed!' }).waitFor();
  await world.server.restart();
  await button.click();
  await until('a second greeting', async () => (await seed.of('history')).length === 2);
  const [, history] = await seed.of('history');
  assert.deepEqual(history.payload.map((record) => record.payload), ['kept']);
});

story('the demo page and the web client chat both ways, with history', {
  settings: ['--resume-grace-seconds', '1'],
}, async (world) => {
  const old = await SeedPage.open(world, '老王');
  const anna = await world.person(ROOM, 'Anna');
  const joined = await until('the join', async () => (await old.of('join'))[0]);
  assert.equal(joined.payload, 'Anna');
  await anna.showsMembers('Anna', '老王');

  await old.enter('from the old page');
  const row = await anna.shows('from the old page');
  assert.equal(row.author, '老王');
  await anna.say('from the new one');
  const frame = await old.shows('from the new one');
  assert.equal(frame.from, (await anna.me()).pid);

  // Later members of both kinds read the history.
  const later = await SeedPage.open(world, 'later');
  const [history] = await later.of('history');
  const texts = history.payload.map((record) => record.payload);
  assert.deepEqual(texts, ['from the old page', 'from the new one']);
  assert.match(history.payload[0].send_time, /^\d{4}-\d{2}-\d{2}$/);
  await anna.reload();
  await anna.showsExactly('from the old page', 'from the new one');

  await anna.renameTo('Änna');
  const renamed = await until('the rename', async () => (await old.of('changename'))[0]);
  assert.equal(renamed.payload, 'Änna');
  await anna.page.close();
  const gone = await until('the leave', async () => (await old.of('leave')).at(-1));
  assert.equal(gone.payload, 'leave');
});
