// Sizes that tests share, in CSS pixels.

/** A phone, as options of a context. */
export const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

/** The smallest size that a finger hits reliably. */
export const FINGER_PX = 44;

/** The most that a row may move under the reader's eye. */
export const EYE_PX = 1;
