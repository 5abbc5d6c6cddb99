// Addresses that are no page, or nearly one, opened by a person.
import assert from 'node:assert/strict';
import { outside } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** Opens an address in a browser of one language. Returns the tab and the answer. */
async function open(world, path, locale) {
  // The browser reports an answer that is an error.
  world.complaints.allow(/Failed to load resource/);
  const page = await world.tab(await world.context({ locale, serviceWorkers: 'block' }));
  const answer = await page.goto(world.server.origin + path);
  return { page, answer };
}

for (const [locale, { notFound, home }] of [['en-GB', outside.en], ['zh-CN', outside.zh]]) {
  story(`an unknown address shows a page in ${locale} that leads home`, async (world) => {
    for (const path of ['/about', '/room/a/b', '/deep/er/down/']) {
      const { page, answer } = await open(world, path, locale);
      assert.equal(answer.status(), 404, path);
      assert.equal(await page.locator('h1').textContent(), notFound, path);
      assert.equal(await page.locator('html').getAttribute('lang'), locale.startsWith('zh') ? 'zh-CN' : 'en');
      const link = page.getByRole('link', { name: home });
      assert.equal(await link.evaluate((link) => link.href), `${world.server.origin}/`, path);
      // The page has its style, and none inline.
      const width = await page.locator('main').evaluate((main) => getComputedStyle(main).maxWidth);
      assert.equal(width, '544px', path);
      assert.equal(await page.locator('style, script, [style]').count(), 0, path);
    }
  });
}

story('a slash after a room leads to the room, and an address without a room to the front page', async (world) => {
  for (const [path, place] of [
    ['/room/lobby/', '/room/lobby'],
    ['/room/%E8%81%8A%2Fa/', '/room/%E8%81%8A%2Fa'],
    ['/room/', '/'],
    ['/room', '/'],
  ]) {
    const { page } = await open(world, path, 'en-GB');
    assert.equal(new URL(page.url()).pathname, place, path);
  }
});
