// The browser of all tests: one that the runner serves, or, where a file is run alone, its own. Each
// person in a test has a context of their own in it.
import { after } from 'node:test';
import { ENDPOINT_VARIABLE, IN_FIREFOX, connect, launch } from './kind.mjs';

const endpoint = process.env[ENDPOINT_VARIABLE];

/** Whether the runner started this process. */
export const IS_SHARD = endpoint !== undefined;

let started;

/** Returns the browser, started or connected to at the first call. */
export function browser() {
  started ??= IS_SHARD ? connect(endpoint) : launch();
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
