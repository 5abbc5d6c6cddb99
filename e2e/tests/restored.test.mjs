// A store that was emptied or replaced by an older copy while a page was open: ids now belong to other
// messages, and no old text may appear under a new author.
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { numbered } from '../support/texts.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

/** Returns author and text of each message on the page. */
const rows = async (view) => (await view.messages()).map(({ author, text }) => [author, text]);

/** Waits until the page has exactly these messages, all by one author. */
async function showsOnly(view, author, texts) {
  const wanted = JSON.stringify(texts.map((text) => [author, text]));
  await until(
    async () => `${wanted}; there are ${JSON.stringify(await rows(view))}`,
    async () => JSON.stringify(await rows(view)) === wanted,
  );
}

for (const count of [1, 3, 10, 30, 50]) {
  story(`an emptied store with ${count} new messages: the page shows those and no old text`, async (world) => {
    const alice = await world.bot('emptied', 'Alice');
    await alice.say(...numbered(0, 2, 'secret'));
    const { view: reader } = await world.behindGate('emptied', 'Reader');
    await reader.shows('secret 2');
    await world.server.crash();
    await reader.disconnected();
    await world.server.wipe();
    await world.server.restart();
    const carol = await world.bot('emptied', 'Carol');
    const news = numbered(1, count, 'news');
    await carol.say(...news);
    await reader.connected();
    await showsOnly(reader, 'Carol', news);
  });

  story(`an older copy of the store with ${count} new messages: the page shows no lost text`, async (world) => {
    const KEPT = numbered(0, 4, 'kept');
    const alice = await world.bot('older', 'Alice');
    await alice.say(...KEPT);
    await world.server.stop();
    const copy = `${world.server.folder}.copy`;
    await cp(world.server.folder, copy, { recursive: true });
    await world.server.restart();
    const again = await world.bot('older', 'Alice');
    await again.say(...numbered(0, 29, 'lost'));
    const { view: reader } = await world.behindGate('older', 'Reader');
    await reader.shows('lost 29');
    await world.server.crash();
    await reader.disconnected();
    await rm(world.server.folder, { recursive: true });
    await cp(copy, world.server.folder, { recursive: true });
    await rm(copy, { recursive: true });
    await world.server.restart();
    const carol = await world.bot('older', 'Carol');
    const news = numbered(1, count, 'news');
    await carol.say(...news);
    await reader.connected();
    await reader.shows(news.at(-1));
    await until('no lost text on the page', async () =>
      !(await reader.texts()).some((text) => text.startsWith('lost')));
    for (const [author, text] of await rows(reader)) {
      assert.equal(author, text.startsWith('news') ? 'Carol' : 'Alice', text);
    }
  });
}
