// The reader's attention, which a test sets: a browser reports every page of a test as visible and
// focused. And a record of notifications and sounds.

/**
 * Lets `look(page, …)` set whether the page is visible and focused; at first it is both. Call this
 * before the page is opened.
 */
export function directAttention(page) {
  return page.addInitScript(() => {
    const state = { isHidden: false, isFocused: true };
    window.attention = state;
    Object.defineProperty(document, 'hidden', { get: () => state.isHidden });
    Object.defineProperty(document, 'visibilityState', {
      get: () => (state.isHidden ? 'hidden' : 'visible'),
    });
    document.hasFocus = () => state.isFocused;
  });
}

/** Sets the attention: `'here'`, `'hidden'` for another tab, `'unfocused'` for another window. */
export function look(page, how) {
  return page.evaluate((how) => {
    const { attention } = window;
    const before = { ...attention };
    attention.isHidden = how === 'hidden';
    attention.isFocused = how === 'here';
    if (before.isFocused !== attention.isFocused) {
      window.dispatchEvent(new Event(attention.isFocused ? 'focus' : 'blur'));
    }
    if (before.isHidden !== attention.isHidden) {
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }
  }, how);
}

/**
 * Records every notification and sound for `await calls(page)`. Call this before the page is opened.
 * `permission` is the permission at the start, and `answer` the person's answer to the question.
 * Without `constructs`, as on phones, only the service worker can show notifications, and without
 * `workerShows` it cannot either.
 */
export function recordCalls(page, {
  permission = 'default', answer = 'granted', constructs = true, workerShows = true,
} = {}) {
  return page.addInitScript(({ permission, answer, constructs, workerShows }) => {
    const calls = { asked: 0, notices: [], sounds: 0 };
    window.calls = calls;
    window.Notification = class {
      static permission = permission;

      static async requestPermission() {
        calls.asked += 1;
        window.Notification.permission = answer;
        return answer;
      }

      constructor(title, { body, tag, renotify }) {
        if (!constructs) throw new TypeError('Illegal constructor.');
        calls.notices.push({ title, body, tag, renotify });
        window.notice = this;
      }

      close() {
        calls.closed = true;
      }
    };
    if (window.ServiceWorkerRegistration) {
      ServiceWorkerRegistration.prototype.showNotification = async (title, { body, tag, data }) => {
        if (!workerShows) {
          calls.refused = (calls.refused ?? 0) + 1;
          throw new TypeError('No permission.');
        }
        calls.notices.push({ title, body, tag, data });
      };
    }
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...when) {
      calls.sounds += 1;
      start.apply(this, when);
    };
  }, { permission, answer, constructs, workerShows });
}

/** Returns the notifications and sounds so far. */
export function calls(page) {
  return page.evaluate(() => window.calls);
}
