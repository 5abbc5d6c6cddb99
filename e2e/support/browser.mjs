// One Chromium for all tests of a run; each person in a test has a context of their own in it.
import { after } from 'node:test';
import { chromium } from 'playwright-core';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let started;

/** The browser, started at the first call. */
export function browser() {
  started ??= chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ARGS,
  });
  return started;
}

after(async () => {
  if (started) await (await started).close();
});
