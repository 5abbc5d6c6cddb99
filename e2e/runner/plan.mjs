// The order of the test files.

/** Files that run while no other runs, and what they measure. */
const MACHINE_MEASUREMENTS = {
  crowd: 'the work of the page among hundreds of members',
  delivery: 'the bytes and requests of a cold load',
  'hostile-text': 'the time between frames',
  window: 'the memory of a page',
};

/** The longest files, the longest first: begun first, they leave short ones to even out the end. */
const LONGEST_FIRST = [
  'connection', 'slow-line', 'axe', 'outbox', 'resume', 'notices', 'storage', 'proxies',
  'rate-limit', 'restored', 'phone', 'losing', 'composer', 'nickname', 'reading',
];

export function measuresTheMachine(file) {
  return Object.hasOwn(MACHINE_MEASUREMENTS, file);
}

/** Returns `files` in the order in which they are to begin. */
export function inOrder(files) {
  return [...LONGEST_FIRST.filter((file) => files.includes(file)),
    ...files.filter((file) => !LONGEST_FIRST.includes(file))];
}
