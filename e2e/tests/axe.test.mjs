// The rules of axe-core on every page and panel, in both themes and languages.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { animationsEnd } from '../support/page.mjs';
import { PHONE } from '../support/sizes.mjs';
import { story } from '../support/world.mjs';

const AXE = new URL('../node_modules/axe-core/axe.min.js', import.meta.url);
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Returns axe-core's findings for a page as it is now. */
async function violations(page) {
  // During an animation colours are not final.
  await animationsEnd(page);
  await page.evaluate(`window.axe ?? (() => { ${await readFile(AXE, 'utf8')} })()`);
  return page.evaluate(async (values) => {
    const { violations, passes } = await axe.run(document, { runOnly: { type: 'tag', values } });
    if (passes.length < 15) return [`only ${passes.length} rules found something to check`];
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html}: ${failureSummary}`));
  }, TAGS);
}

for (const colorScheme of ['light', 'dark']) {
  for (const locale of ['en-US', 'zh-CN']) {
    story(`axe-core finds no violation, ${colorScheme}, ${locale}`, async (world) => {
      const look = { colorScheme, locale };
      const found = {};
      const check = async (view, name) => {
        const list = await violations(view.page);
        if (list.length) found[name] = list;
      };

      const landing = await world.visitor(look);
      await check(landing, 'front page');
      await landing.go.click();
      await landing.roomError.waitFor();
      await check(landing, 'front page with an error');
      await landing.page.goto(`${world.server.origin}/room/%ff`);
      await landing.page.locator('.room-error').waitFor();
      await check(landing, 'an address that is no room');

      const bots = [await world.bot('axe', '小明'), await world.bot('axe', 'Bert')];
      await bots[0].say('你好', 'see https://example.org/a');
      await bots[1].say('hello');
      const room = await world.person('axe', 'Anna', look);
      await room.say('from Anna');
      await room.shows('from Anna');
      await bots[1].leave();
      await room.line('leave', 'Bert');
      await check(room, 'a room');
      await room.menu.click();
      await check(room, 'the menu');
      await room.page.keyboard.press('Escape');
      await room.composer.pressSequentially('@');
      await room.mentionMenu.getByRole('option').first().waitFor();
      await check(room, 'the mention menu');
      await room.type('');
      await room.openRename();
      await room.renameInput.fill('');
      await check(room, 'renaming');
      await room.say('@history:0');
      await room.command.waitFor();
      await check(room, 'a command');
      await room.use(room.share);
      await check(room, 'sharing');

      const phone = await world.person('axe', 'Cleo', { ...look, ...PHONE });
      await check(phone, 'a room on a phone');
      await phone.use(phone.share);
      await check(phone, 'sharing on a phone');
      await phone.page.keyboard.press('Escape');
      await phone.membersToggle.tap();
      await phone.members.waitFor({ state: 'visible' });
      await check(phone, 'the members on a phone');

      assert.deepEqual(found, {});
    });
  }
}
