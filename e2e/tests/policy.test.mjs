// The Content Security Policy: markup runs nothing wherever it is sent, and the page itself violates
// nothing.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

const MARKUP = ['<img src=x onerror=alert(1)>', '"><svg onload=alert(1)>', '<script>alert(1)</script>'];

/** Records every violation of the policy, from before the first byte of a page. */
async function watched(world) {
  const context = await world.context();
  const violations = [];
  await context.exposeBinding('violated', (_, words) => violations.push(words));
  await context.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) =>
    window.violated(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`)));
  const page = await world.tab(context);
  page.on('dialog', (dialog) => violations.push(`a dialog: ${dialog.message()}`));
  return { page, violations };
}

story('markup as message, nickname, room, query and history runs nothing and violates no policy', async (world) => {
  const { page, violations } = await watched(world);
  for (const markup of MARKUP) {
    const room = encodeURIComponent(markup);
    const name = encodeURIComponent(markup);
    const history = await world.bot(markup, markup);
    await history.say(markup);
    await page.goto(`${world.server.origin}/room/${room}?nickname=${name}&x=${name}#${name}`);
    await page.locator('.connection[data-state="connected"]').waitFor();
    await history.say(`${markup} again`);
    await page.locator('.log').getByText(`${markup} again`).first().waitFor();
    await history.send(`@changename:${markup}!`);
    await page.locator('#member-list').getByText(`${markup}!`).first().waitFor();
    await page.locator('.share').click();
    await page.locator('.share-close').click();
  }
  await page.goto(`${world.server.origin}/?nickname=${encodeURIComponent(MARKUP[0])}`);
  await page.locator('.card').waitFor();
  const foreign = await page.evaluate(() => document.querySelectorAll('img[src="x"], [onload], [onerror]').length);
  assert.equal(foreign, 0);
  assert.deepEqual(violations, []);
});

story('the policy blocks inline scripts and styles', async (world) => {
  world.complaints.allow(/Content Security Policy|frame-ancestors|Refused/);
  const { page, violations } = await watched(world);
  await page.goto(`${world.server.origin}/`);
  await page.locator('.card').waitFor();
  const isRun = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.wasRun = true';
    document.body.append(script);
    const styled = document.createElement('p');
    styled.setAttribute('style', 'color: red');
    document.body.append(styled);
    return window.wasRun === true || styled.style.color !== '';
  });
  assert.equal(isRun, false);
  for (const directive of ['script-src', 'style-src']) {
    await until(() => `a violation of ${directive}, among ${violations}`, () =>
      violations.some((words) => words.startsWith(directive)));
  }
});
