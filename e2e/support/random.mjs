// Reproducible random numbers: the seed is printed, and read from E2E_SEED.
import { randomInt } from 'node:crypto';

/** Returns the seed of this run, and reports it. */
export function seedOf(t) {
  const seed = Number(process.env.E2E_SEED ?? randomInt(2 ** 32 - 1));
  t.diagnostic(`E2E_SEED=${seed}`);
  return seed;
}

/** Returns a source of numbers from 0 to 1 (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
