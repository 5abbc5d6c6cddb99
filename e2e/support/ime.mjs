// An input method, as in Chromium, Firefox and Safari.

import { devtools } from './browser.mjs';
import { IN_FIREFOX } from './kind.mjs';

/** The key code of every key that an input method handles. */
const KEY_OF_AN_IME = 229;

/** The shortest time between two keys that a person presses, in milliseconds. */
const NEXT_PRESS_MS = 100;

/** Traces compositions and keys in a field. `await trace()` returns the events so far. */
export async function traceOf(field) {
  const handle = await field.evaluateHandle((field) => {
    const seen = [];
    const note = (event) => {
      const code = event.type === 'keydown' ? ` ${event.keyCode} ${event.isComposing}` : '';
      seen.push(event.type + code);
    };
    for (const type of ['compositionstart', 'compositionend', 'keydown']) {
      field.addEventListener(type, note, { capture: true });
    }
    return seen;
  });
  return () => handle.jsonValue();
}

/** Writes `text` with an input method and confirms it with Enter, as the browser of this run does. */
export async function composeAndConfirm(page, letters, text) {
  if (IN_FIREFOX) return composeAndConfirmAsFirefox(page, letters, text);
  const cdp = await devtools(page);
  const key = { key: 'Process', code: 'Enter', windowsVirtualKeyCode: KEY_OF_AN_IME };
  const selection = { selectionStart: letters.length, selectionEnd: letters.length };
  await cdp.send('Input.imeSetComposition', { text: letters, ...selection });
  await cdp.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key });
  await cdp.send('Input.insertText', { text });
  await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key, key: 'Enter' });
  await cdp.detach();
  await untilNextPress(page);
}

/** The page ascribes an Enter within milliseconds of the last key to the input method. */
function untilNextPress(page) {
  return page.evaluate((ms) => new Promise((done) => setTimeout(done, ms)), NEXT_PRESS_MS);
}

/**
 * The events of Firefox, in its order: the Enter that confirms has the marks of an input method and
 * precedes the end of the composition. WebDriver has no command for a real composition.
 */
function composeAndConfirmAsFirefox(page, letters, text) {
  return page.evaluate(({ letters, text, code }) => {
    const field = document.activeElement;
    const before = field.value;
    const setValue = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set;
    const composition = (type, data) =>
      field.dispatchEvent(new CompositionEvent(type, { bubbles: true, data }));
    const write = (data, isComposing) => {
      setValue.call(field, before + data);
      const inputType = 'insertCompositionText';
      field.dispatchEvent(new InputEvent('input', { bubbles: true, data, inputType, isComposing }));
    };
    const key = (type, isComposing) => field.dispatchEvent(new KeyboardEvent(type, {
      bubbles: true, cancelable: true, key: 'Process', code: 'Enter', keyCode: code, isComposing,
    }));
    composition('compositionstart', '');
    composition('compositionupdate', letters);
    write(letters, true);
    key('keydown', true);
    composition('compositionupdate', text);
    composition('compositionend', text);
    write(text, false);
    key('keyup', false);
  }, { letters, text, code: KEY_OF_AN_IME });
}

/**
 * Starts a composition in the focused field. `press` sends it a key, `commit` ends it with a text, and
 * `cancel` without one.
 */
export async function compose(page, letters) {
  const cdp = await devtools(page);
  const selection = { selectionStart: letters.length, selectionEnd: letters.length };
  await cdp.send('Input.imeSetComposition', { text: letters, ...selection });
  return {
    async press(key) {
      const event = { key, code: key, windowsVirtualKeyCode: KEY_OF_AN_IME };
      await cdp.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...event });
      await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    },
    async commit(text) {
      await cdp.send('Input.insertText', { text });
      await end();
    },
    async cancel() {
      await cdp.send('Input.imeSetComposition', { text: '', selectionStart: 0, selectionEnd: 0 });
      await end();
    },
  };

  async function end() {
    await cdp.detach();
    await untilNextPress(page);
  }
}

/** The same as in Safari: the composition ends just before an Enter without any mark. */
export function composeAndConfirmAsSafari(field, text) {
  return field.evaluate((field, text) => {
    const composition = (type) =>
      field.dispatchEvent(new CompositionEvent(type, { bubbles: true, data: text }));
    field.focus();
    composition('compositionstart');
    composition('compositionupdate');
    // The native setter changes the field as typing does.
    const prototype = Object.getPrototypeOf(field);
    Object.getOwnPropertyDescriptor(prototype, 'value').set.call(field, text);
    field.dispatchEvent(new InputEvent('input', { bubbles: true, data: text, isComposing: true }));
    composition('compositionend');
    pressEnter({ keyCode: 13 });

    function pressEnter(marks) {
      const options = { bubbles: true, cancelable: true, key: 'Enter', code: 'Enter', ...marks };
      field.dispatchEvent(new KeyboardEvent('keydown', options));
    }
  }, text);
}

/** Dispatches an Enter with marks of an input method: `keyCode` 229, or `isComposing`. */
export function pressMarkedEnter(field, marks) {
  return field.evaluate((field, marks) => {
    const options = { bubbles: true, cancelable: true, key: 'Enter', code: 'Enter', ...marks };
    const event = new KeyboardEvent('keydown', options);
    field.dispatchEvent(event);
  }, marks);
}

/**
 * Ends a composition in the field right before the next real Enter, as Safari does. Unlike an Enter of
 * a script, a real one submits forms.
 */
export function endCompositionBeforeNextEnter(field) {
  return field.evaluate((field) => {
    const composition = (type) => field.dispatchEvent(new CompositionEvent(type, { bubbles: true }));
    composition('compositionstart');
    window.addEventListener('keydown', () => composition('compositionend'), {
      capture: true,
      once: true,
    });
  });
}
