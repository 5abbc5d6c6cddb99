// The kind of browser of this run, and the address of one that the runner serves.
import * as chromium from './chromium.mjs';
import * as firefox from './firefox.mjs';

/** Whether this run is in Firefox; otherwise it is in Chromium. */
export const IN_FIREFOX = process.env.E2E_BROWSER === 'firefox';

export const { connect, launch, serve } = IN_FIREFOX ? firefox : chromium;

/** The variable with the address of the runner's browser, in the processes that it starts. */
export const ENDPOINT_VARIABLE = 'E2E_BROWSER_ENDPOINT';
