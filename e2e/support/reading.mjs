// Reading a list of which only a part is on the page.
import assert from 'node:assert/strict';
import { until } from './until.mjs';

/**
 * Returns the ids on the page, from top to bottom. Fails if one is repeated or out of order, or if some
 * are missing without a row that counts exactly those.
 */
export async function idsOf(view) {
  const rows = await view.log.evaluate((log) =>
    [...log.querySelectorAll('[data-row="message"][data-id], [data-row="gap"]')].map((row) => {
      const { id, first, last } = row.dataset;
      return id === undefined
        ? { first: Number(first), last: Number(last), words: row.textContent }
        : { first: Number(id), last: Number(id) };
    }),
  );
  rows.forEach((row, index) => {
    if (index > 0) assert.equal(row.first, rows[index - 1].last + 1, `row ${index}`);
    if (row.words) assert.match(row.words, new RegExp(`\\b${row.last - row.first + 1}\\b`));
  });
  return rows.filter((row) => !row.words).map((row) => row.first);
}

/** Scrolls to the first row and waits for older ones, or for the beginning. */
export async function readUp(view) {
  const [oldest] = await idsOf(view);
  await until(`messages older than ${oldest}`, async () => {
    await view.toTop();
    return (await idsOf(view))[0] < oldest || (await view.beginning.count()) > 0;
  });
}

/** Scrolls to the last row and waits for newer ones. Returns false if it is the newest. */
export async function readDown(view) {
  const newest = (await idsOf(view)).at(-1);
  const tail = view.log.locator('[data-tail]');
  await until(`messages newer than ${newest}`, async () => {
    await view.log.evaluate((log) => log.scrollTo(0, log.scrollHeight));
    return (await idsOf(view)).at(-1) > newest || (await tail.count()) === 0;
  });
  return (await idsOf(view)).at(-1) > newest;
}
