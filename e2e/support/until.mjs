// Waiting for conditions. Tests do not wait for a fixed time.

/** The longest time of a condition unless a test sets another, in milliseconds. */
export const PATIENCE_MS = 10_000;

const POLL_MS = 20;

/**
 * Waits until `probe` returns something truthy, and returns that. `what` ends the sentence "waited in
 * vain for …"; a function is called when the time is over.
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

/** Fails with `words` if `promise` does not settle within `ms`. */
export function within(ms, words, promise) {
  let timer;
  const alarm = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${words} took more than ${ms} ms`)), ms);
  });
  return Promise.race([promise, alarm]).finally(() => clearTimeout(timer));
}
