// One browser for all tests of a run; each person in a test has a context of their own in it.
import { after } from 'node:test';
import { launch as launchChromium } from './chromium.mjs';
import { launch as launchFirefox } from './firefox.mjs';

/** Whether this run is in Firefox; otherwise it is in Chromium. */
export const IN_FIREFOX = process.env.E2E_BROWSER === 'firefox';

let started;

/** The browser, started at the first call. */
export function browser() {
  started ??= IN_FIREFOX ? launchFirefox() : launchChromium();
  return started;
}

after(async () => {
  if (started) await (await started).close();
});

/** Thrown where a story needs Chromium's own protocol in another browser: the story is skipped. */
export class NeedsChromium extends Error {}

/** A session of Chromium's own protocol with a page. */
export async function devtools(page) {
  if (IN_FIREFOX) throw new NeedsChromium('it needs Chromium’s DevTools protocol');
  return page.context().newCDPSession(page);
}
