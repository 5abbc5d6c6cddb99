// Texts of messages.

const range = (first, last) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Returns `n FIRST` to `n LAST`, or the same with another word. */
export const numbered = (first, last, word = 'n') =>
  range(first, last).map((number) => `${word} ${number}`);

/** Returns `n NUMBER` with zero to three further lines. */
export const mixedHeight = (number) => `n ${number}${'\nmore'.repeat(number % 4)}`;

/** Returns such texts from `first` to `last`. */
export const mixedHeights = (first, last) => range(first, last).map(mixedHeight);
