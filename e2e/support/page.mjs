// Focus and animations of a page.

/** Returns the id of the part that has the focus, or else its last class. */
export function focusedPart(page) {
  return page.evaluate(() =>
    document.activeElement.id || [...document.activeElement.classList].at(-1));
}

/** Waits until no animation runs. One that is cancelled, as when its row is removed, has ended. */
export function animationsEnd(page) {
  return page.evaluate(() =>
    Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
}
