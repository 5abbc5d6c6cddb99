// Durations by the clock of a page. A test stops that clock and lets it go on slower than real time,
// so that a busy machine does not make the page look slow: only its own timers count.

/** The clock goes on by this much at a time, in milliseconds. */
const STEP_MS = 50;
/** Real time for each step: what needs no timer has this long to happen. */
const REAL_MS = 100;
/** Setting the clock takes real time, during which it goes on. */
const MARGIN_MS = 300;

/** Stops the clock of a page on which `page.clock` is installed, after `ms` of its time. */
export async function stopClock(page, ms = 0) {
  const now = await page.evaluate(() => Date.now());
  await page.clock.pauseAt(now + Math.max(ms, MARGIN_MS));
}

/**
 * Lets the stopped clock of a page go on until `probe` returns something truthy, and then run freely
 * again. Fails if that takes more than `ms` of the page's time.
 */
export async function withinPageTime(page, ms, what, probe) {
  for (let passed = 0; !(await probe()); passed += STEP_MS) {
    if (passed > ms) throw new Error(`${what} took more than ${ms} ms of the page's time`);
    await page.clock.runFor(STEP_MS);
    await new Promise((resolve) => { setTimeout(resolve, REAL_MS); });
  }
  await page.clock.resume();
}
