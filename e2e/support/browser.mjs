// One Chromium for all tests of a run; each person in a test has a context of their own in it.
import { after } from 'node:test';
import { launch } from './chromium.mjs';

let started;

/** The browser, started at the first call. */
export function browser() {
  started ??= launch();
  return started;
}

after(async () => {
  if (started) await (await started).close();
});
