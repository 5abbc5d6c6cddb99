// Links, right-to-left text, combining marks, emoji.
import assert from 'node:assert/strict';
import { story } from '../support/world.mjs';

/** Marks above and below in turn. A browser draws none of very many, so some tests use few. */
const marks = (count) => '\u0301\u0323'.repeat(count / 2);

/** Returns the boxes of the parts of a row, in CSS pixels. */
function partsOf(view, text) {
  return view.message(text).evaluate((row) => {
    const box = (selector) => {
      const { left, right, top, bottom } = row.querySelector(selector).getBoundingClientRect();
      return { left, right, top, bottom };
    };
    return {
      avatar: box('.avatar'),
      author: box('.author'),
      time: box('time'),
      text: box('.text'),
      fold: row.querySelector('.fold') && box('.fold'),
    };
  });
}

story('only web addresses become links, which give away nothing of the page', async (world) => {
  const bot = await world.bot('links', 'bot');
  const no = ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'VBScript:x'];
  await bot.say(...no, 'see https://example.org/a?b=c.');
  const view = await world.person('links', 'Anna');
  await view.shows('see https://example.org/a?b=c.');
  const links = view.log.locator('a');
  assert.equal(await links.count(), 1);
  assert.equal(await links.getAttribute('href'), 'https://example.org/a?b=c');
  assert.equal(await links.getAttribute('target'), '_blank');
  const rel = (await links.getAttribute('rel')).split(' ');
  for (const word of ['noopener', 'noreferrer', 'nofollow']) assert.ok(rel.includes(word), word);
});

story('right-to-left messages and names do not reorder time, name or buttons', async (world) => {
  const ltr = await world.bot('rtl', 'left');
  const rtl = await world.bot('rtl', 'سارة');
  const lines = (word) => Array.from({ length: 60 }, (_, line) => `${word} ${line}`).join('\n');
  await ltr.say(`plain ${lines('line')}`);
  await rtl.say(`مرحبا ${lines('سطر')}`);
  const bidi = await world.bot('rtl', 'x\u05d0');
  await bidi.say('open \u202e override (1) \u2067 isolate');
  await ltr.say('after');
  const view = await world.person('rtl', 'Anna');
  await view.shows('after');
  const [plain, right, override, after] = [
    await partsOf(view, 'plain'), await partsOf(view, 'مرحبا'),
    await partsOf(view, 'override'), await partsOf(view, 'after'),
  ];
  for (const row of [right, override, after]) {
    assert.equal(row.avatar.left, plain.avatar.left);
    assert.equal(row.author.left, plain.author.left);
    assert.ok(row.time.left >= row.author.right, JSON.stringify(row));
    assert.ok(row.time.left - row.author.right < 24, 'the time is next to the nickname');
    assert.ok(row.text.top >= row.author.bottom - 1, 'the text is below');
    assert.ok(row.text.right <= view.page.viewportSize().width);
  }
  assert.equal(right.fold.left, plain.fold.left, 'the button has its usual place');
  const isolated = await view.message('مرحبا').locator('.text').evaluate((text) =>
    [text.dir, getComputedStyle(text).direction, getComputedStyle(text).unicodeBidi]);
  assert.deepEqual(isolated, ['auto', 'rtl', 'isolate']);
  // In the member list the nickname is right of its avatar.
  const entry = view.members.locator(`[data-pid="${rtl.pid}"]`);
  const [avatar, name] = [entry.locator('.avatar'), entry.locator('.member-name')];
  assert.ok((await name.boundingBox()).x > (await avatar.boundingBox()).x);
});

story('rows of emoji and 200 marks on a letter do not overlap other rows', async (world) => {
  const bot = await world.bot('marks', 'bot');
  const zalgo = await world.bot('marks', `Z${marks(30)}`);
  await bot.say('above');
  await bot.say(`a${marks(200)}`, `e${marks(30)}`, 'between', '😀👨‍👩‍👧😀🇨🇳👍🏽', 'below');
  await zalgo.say('a name with marks');
  await bot.say('behind');
  await zalgo.leave();
  const view = await world.person('marks', 'Anna');
  await view.shows('behind');
  await bot.say('last');
  await view.shows('last');
  await view.page.mouse.move(1, 1);

  // By geometry: a row begins at the end of the row above.
  const boxes = await view.rows.evaluateAll((rows) => rows.map((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return { top, bottom, name: row.textContent.slice(0, 20) };
  }));
  boxes.slice(1).forEach((box, index) =>
    assert.ok(box.top >= boxes[index].bottom - 0.5, `${box.name} over ${boxes[index].name}`));

  // By pixels: a row looks the same with and without its neighbours.
  const culprits = [`a${marks(200)}`, `e${marks(30)}`, '😀👨‍👩‍👧', 'a name with marks'];
  const witnesses = ['above', 'between', 'below', 'behind'];
  const look = async () => {
    const pictures = [];
    for (const text of witnesses) {
      const clip = await view.message(text).last().boundingBox();
      pictures.push(await view.page.screenshot({ clip }));
    }
    return pictures;
  };
  const before = await look();
  for (const text of culprits) {
    await view.message(text).evaluate((row) => (row.style.visibility = 'hidden'));
  }
  (await look()).forEach((picture, index) =>
    assert.ok(picture.equals(before[index]), `something lies over "${witnesses[index]}"`));
});

story('a line about a member with marks in the nickname overlaps no other row', async (world) => {
  const view = await world.person('lines', 'Anna');
  const plain = await world.bot('lines', 'plain');
  await view.say('above');
  await view.shows('above');
  const zalgo = await world.bot('lines', `Z${marks(30)}`);
  await view.line('join', 'Z');
  await plain.say('below');
  await view.shows('below');
  await view.page.mouse.move(1, 1);
  const clip = async (row) => view.page.screenshot({ clip: await row.boundingBox() });
  const [above, below] = [view.message('above'), view.message('below')];
  const before = [await clip(above), await clip(below)];
  await view.row('system').first().evaluate((row) => (row.style.visibility = 'hidden'));
  assert.ok((await clip(above)).equals(before[0]), 'the row above');
  assert.ok((await clip(below)).equals(before[1]), 'the row below');
  await zalgo.leave();
});
