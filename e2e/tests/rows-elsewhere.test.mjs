// Rows outside of the page: copied, printed, translated. And the focus when its part is removed.
import assert from 'node:assert/strict';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Selects from the text of one row to that of another, and copies. */
function copied(view, from, to) {
  return view.log.evaluate((log, [from, to]) => {
    const textOf = (words) => [...log.querySelectorAll('.text')]
      .find((text) => text.textContent.startsWith(words));
    const range = document.createRange();
    range.setStart(textOf(from), 0);
    range.setEndAfter(textOf(to));
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    const data = new DataTransfer();
    const event = new ClipboardEvent('copy', { clipboardData: data, bubbles: true, cancelable: true });
    const isLeft = log.querySelector('.text').dispatchEvent(event);
    return { text: data.getData('text/plain'), isLeft };
  }, [from, to]);
}

story('rows are copied as lines with time and nickname', async (world) => {
  const view = await world.person('copy', 'Bert');
  const anna = await world.bot('copy', 'Anna');
  await anna.say('first of Anna', 'second\nof two lines');
  const dora = await world.bot('copy', 'Dora');
  await dora.say('hello @Bert');
  await view.shows('hello @Bert');
  const { text, isLeft } = await copied(view, 'first', 'hello');
  const lines = text.split('\n').map((line) => line.replace(/^\d\d:\d\d /, 'HH:MM '));
  assert.deepEqual(lines, ['HH:MM Anna: first of Anna', 'HH:MM Anna: second', 'of two lines',
    `— Dora${words.joined[1]}`, 'HH:MM Dora: hello @Bert']);
  assert.equal(isLeft, false, 'the browser copies nothing else');
  const part = await copied(view, 'second', 'second');
  assert.deepEqual(part, { text: '', isLeft: true }, 'a part of one text is left to the browser');
  const mark = view.page.locator('.at');
  assert.equal(await mark.evaluate((mark) => getComputedStyle(mark).userSelect), 'none');
});

story('a click on a row leaves its time unchanged', async (world) => {
  const view = await world.person('press', 'Anna');
  await view.say('one');
  await view.say('two');
  await view.showsExactly('one', 'two');
  const time = view.message('two').locator('time');
  const before = await time.evaluate((time) => getComputedStyle(time).fontSize);
  await view.message('two').locator('.text').click();
  assert.equal(await time.evaluate((time) => getComputedStyle(time).fontSize), before);
});

story('a print has all rows and no controls', async (world) => {
  const bot = await world.bot('print', 'bot');
  await bot.say(...numbered(0, 119, 'row'));
  const view = await world.person('print', 'Anna');
  await view.shows('row 119');
  await view.wheel(-5_000);
  await until('120 rows', async () => {
    await view.wheel(-3_000);
    return (await view.messages()).length === 120;
  });
  await view.page.emulateMedia({ media: 'print' });
  for (const part of [view.composer, view.sendButton, view.members, view.menu, view.jump]) {
    assert.equal(await part.isVisible(), false, String(part));
  }
  const { inner, outer } = await view.log.evaluate((log) => ({
    inner: log.scrollHeight, outer: log.getBoundingClientRect().height,
  }));
  assert.ok(outer >= inner - 1, `${outer} px of ${inner} are printed`);
  const height = await view.page.evaluate(() => document.scrollingElement.scrollHeight);
  assert.ok(height >= outer, `the page is ${height} px high`);
  const pdf = await view.page.pdf({ format: 'A4' });
  const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length;
  assert.ok(pages >= 3, `${pages} pages`);
  for (const theme of ['light', 'dark']) {
    await view.page.evaluate((theme) => { document.documentElement.dataset.theme = theme; }, theme);
    const ink = await view.log.locator('.text').first()
      .evaluate((text) => getComputedStyle(text).color);
    assert.equal(ink, 'rgb(23, 33, 29)', `dark text on white, ${theme}`);
  }
  await view.page.emulateMedia({ media: null });
});

story('a translated page still updates the member count and the connection', async (world) => {
  const { gate, view } = await world.behindGate('translated', 'Anna');
  const bot = await world.bot('translated', 'bot');
  await bot.say('guten Tag');
  await view.shows('guten Tag');
  // A translator puts each text node that it may change into an element of its own.
  const touched = await view.page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const nodes = [];
    while (walker.nextNode()) nodes.push(walker.currentNode);
    const may = (node) => {
      const closest = node.parentElement.closest('[translate]');
      return closest?.getAttribute('translate') !== 'no';
    };
    const touched = nodes.filter((node) => node.data.trim() && may(node));
    for (const node of touched) {
      const font = document.createElement('font');
      font.textContent = `[${node.data}]`;
      node.replaceWith(font);
    }
    return touched.length;
  });
  assert.ok(touched > 0, 'messages may be translated');
  await view.message('[guten Tag]').waitFor();
  await world.bot('translated', 'more');
  await until('a count of three', async () => (await view.count.textContent()).trim() === '3');
  gate.shut();
  await view.disconnected();
  await until('words about the connection', async () =>
    (await view.connection.textContent()).includes(words.retrying));
  gate.reopen();
  await view.connected();
  await view.say('still works');
  await view.shows('still works');
});

story('"Try now" moves the focus to the message box when it disappears', async (world) => {
  const { gate, view } = await world.behindGate('focus', 'Anna');
  gate.shut();
  await view.disconnected();
  await until('the button', async () => (await view.tryNow.count()) > 0);
  await view.tryNow.focus();
  gate.reopen();
  await view.connected();
  await view.focusIs('composer');
});

story('a redrawn member entry does not lose the focus to the page', async (world) => {
  const { view } = await world.behindGate('pencil', 'Anna');
  const pencil = view.page.locator('.rename-self');
  await pencil.focus();
  await world.server.crash();
  await view.disconnected();
  await world.server.restart();
  await view.connected();
  await until(async () => `the focus on a part of the page; it is on ${await view.focused()}`, () =>
    view.page.evaluate(() => document.activeElement !== document.body));
});

story('a phone in landscape with an open keyboard shows rows and the message box', async (world) => {
  const view = await world.person('side', 'Anna', {
    viewport: { width: 740, height: 170 }, isMobile: true, hasTouch: true,
  });
  await view.say('one');
  await view.shows('one');
  await view.composer.tap();
  const heights = () => view.page.evaluate(() => ({
    log: document.querySelector('.log').clientHeight,
    box: document.querySelector('#composer').getBoundingClientRect().bottom,
  }));
  await until(async () => `room for rows; ${JSON.stringify(await heights())}`, async () => {
    const { log, box } = await heights();
    return log >= 90 && box <= 170;
  });
  await view.rename.tap();
  await view.renameInput.waitFor();
  const { y, height } = await view.renameSave.boundingBox();
  assert.ok(y >= 0 && y + height <= 170, `the form is in view: ${y} ${height}`);
});
