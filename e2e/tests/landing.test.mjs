// The front page: rooms by name and at random, nicknames, recent rooms.
import assert from 'node:assert/strict';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { wordsOf } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Waits for the room that the front page leads to. */
async function entered(landing) {
  await landing.page.waitForURL('**/room/*');
  const room = new RoomPage(landing.page);
  await room.greeted();
  return room;
}

story('a room name and a nickname lead into the room', async (world) => {
  const landing = await world.visitor();
  await landing.room.fill('tea');
  await landing.nickname.fill('Anna');
  await landing.go.click();
  const room = await entered(landing);
  assert.equal(new URL(landing.page.url()).pathname, '/room/tea');
  assert.equal(await room.name.textContent(), 'tea');
  assert.equal((await room.me()).name, 'Anna');
});

story('a room name and Enter lead into the room with a random nickname', async (world) => {
  const landing = await world.visitor();
  await landing.room.fill('tea');
  await landing.room.press('Enter');
  const room = await entered(landing);
  assert.equal(await room.name.textContent(), 'tea');
  assert.ok((await room.me()).name.length > 0, 'with a random nickname');
});

story('"Random room name" gives another name each time', async (world) => {
  const landing = await world.visitor();
  const taken = new Set();
  for (let time = 0; time < 3; time += 1) {
    await landing.random.click();
    taken.add(await until('another name in the field', async () => {
      const name = await landing.room.inputValue();
      return !taken.has(name) && name;
    }));
  }
  const name = await landing.room.inputValue();
  assert.ok(name.length > 0 && [...name].length <= 32, name);
  await landing.go.click();
  const room = await entered(landing);
  assert.equal(await room.name.textContent(), name);
});

story('recent rooms are listed, latest first, and lead to their rooms', async (world) => {
  const rooms = ['first', '聊天 室', 'a/b', '100%'];
  const landing = await world.visitor();
  assert.equal(await landing.recent.getByRole('link').count(), 0, 'none at first');
  const room = new RoomPage(landing.page);
  for (const id of rooms) await room.open(world.server.origin, id, 'Anna');
  await landing.open(world.server.origin);
  const links = landing.recent.getByRole('link');
  await until('a link for each', async () => (await links.count()) === rooms.length);
  const texts = (await links.allTextContents()).map((text) => text.trim());
  assert.deepEqual(texts, [...rooms].reverse());
  await landing.recent.getByRole('link', { name: '聊天 室' }).click();
  assert.equal(await (await entered(landing)).name.textContent(), '聊天 室');
});

story('the form offers the last nickname again', async (world) => {
  const landing = await world.visitor();
  await landing.room.fill('tea');
  await landing.nickname.fill('小明');
  await landing.go.click();
  await entered(landing);
  await landing.open(world.server.origin);
  assert.equal(await landing.nickname.inputValue(), '小明');
});

story('a room name of more than 32 characters shows a warning and works', async (world) => {
  const landing = await world.visitor();
  const long = '汉'.repeat(33);
  await landing.room.fill(long.slice(1));
  assert.ok(await landing.roomWarning.isHidden(), '32 are fine');
  await landing.room.fill(long);
  await landing.roomWarning.waitFor();
  assert.match(await landing.roomWarning.textContent(), /33/);
  await landing.go.click();
  const room = await entered(landing);
  assert.equal(await room.name.textContent(), long);
});

story('an invalid room name is refused with a reason next to the field', async (world) => {
  const landing = await world.visitor();
  for (const name of ['', '   ', 'x'.repeat(129), '汉'.repeat(43), '..']) {
    await landing.room.fill(name);
    await landing.go.click();
    await landing.roomError.waitFor();
    assert.ok((await landing.roomError.textContent()).trim().length > 0);
    assert.equal(new URL(landing.page.url()).pathname, '/', JSON.stringify(name));
  }
  await landing.room.fill('fine');
  await landing.go.click();
  await entered(landing);
});

story('an invalid nickname is refused with a reason next to the field', async (world) => {
  const landing = await world.visitor();
  await landing.room.fill('tea');
  for (const name of ['   ', '\u200b\u200d\u2060', '\u202e\u2066\u2069', 'x'.repeat(33)]) {
    await landing.nickname.fill(name);
    await landing.go.click();
    await landing.nicknameError.waitFor();
    assert.ok((await landing.nicknameError.textContent()).trim().length > 0);
    assert.equal(new URL(landing.page.url()).pathname, '/', JSON.stringify(name));
  }
  await landing.nickname.fill('Anna');
  await landing.go.click();
  const room = await entered(landing);
  assert.equal((await room.me()).name, 'Anna');
});

story('a pasted link to another server opens no room here and is offered as a link', async (world) => {
  for (const locale of ['en-US', 'zh-CN']) {
    const landing = await world.visitor({ locale });
    const address = 'https://chat.example.org/room/tea';
    await landing.page.locator('#room').fill(address);
    await landing.page.locator('.go').click();
    await landing.page.locator('.room-error').getByText(wordsOf(locale).room_elsewhere).waitFor();
    assert.equal(await landing.page.locator('.room-elsewhere').getAttribute('href'), address);
    assert.equal(new URL(landing.page.url()).pathname, '/');
  }
});
