// How Firefox is started: Debian's, unpatched, driven by WebDriver BiDi. playwright-core 1.63 is the
// last that does not ask for commands which Firefox 153 (ESR) does not have.
import { firefox } from 'playwright-core';

const START_MS = 60_000;

/** Starts one. */
export function launch() {
  const executablePath = process.env.FIREFOX || '/usr/bin/firefox-esr';
  return firefox.launch({ channel: 'moz-firefox', executablePath, timeout: START_MS });
}
