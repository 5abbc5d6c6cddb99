// Starting Firefox: Debian's, unpatched, driven by WebDriver BiDi. playwright-core 1.63 is the last
// version that needs no commands which Firefox 153 (ESR) does not have.
import { firefox } from 'playwright-core';

const START_MS = 60_000;

const settings = () => ({
  channel: 'moz-firefox',
  executablePath: process.env.FIREFOX || '/usr/bin/firefox-esr',
  timeout: START_MS,
});

/** Starts a Firefox. */
export function launch() {
  return firefox.launch(settings());
}

/** Starts a Firefox that other processes connect to. */
export function serve() {
  return firefox.launchServer(settings());
}

/** Connects to the Firefox of another process. */
export function connect(endpoint) {
  return firefox.connect(endpoint);
}
