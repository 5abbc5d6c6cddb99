// Waiting for conditions. Nothing in these tests waits for time to pass and hopes.

/** How long a condition may take to come true, in milliseconds, unless a test says otherwise. */
export const PATIENCE_MS = 10_000;

const POLL_MS = 20;

/**
 * Waits until `probe` gives something truthy, and gives that back.
 * `what` ends the sentence "waited in vain for …"; a function is asked when it has come to that.
 */
export async function until(what, probe, patienceMs = PATIENCE_MS) {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (performance.now() > deadline) {
      const words = typeof what === 'function' ? await what() : what;
      throw new Error(`waited ${patienceMs} ms in vain for ${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Fails with `words` unless `promise` settles within `ms`. */
export function within(ms, words, promise) {
  let timer;
  const alarm = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${words} took more than ${ms} ms`)), ms);
  });
  return Promise.race([promise, alarm]).finally(() => clearTimeout(timer));
}
