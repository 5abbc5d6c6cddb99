// Starting Chromium.
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

const settings = () => ({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ARGS });

/** Starts a Chromium. `options` are further options of Playwright. */
export function launch(options = {}) {
  return chromium.launch({ ...settings(), ...options });
}

/** Starts a Chromium that other processes connect to. */
export function serve() {
  return chromium.launchServer(settings());
}

/** Connects to the Chromium of another process. */
export function connect(endpoint) {
  return chromium.connect(endpoint);
}
