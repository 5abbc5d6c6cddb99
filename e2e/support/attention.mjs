// Whether somebody looks at a page: in a test nobody does, and the browser says that everybody
// does. Here the test says it, and what calls somebody who does not look is written down.

/**
 * To be called before a page is opened. From then on `look(page, …)` says whether it is in sight and
 * whether its window has the keyboard; at first both.
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

/** Says who looks: `'here'`, `'hidden'` for another tab, `'unfocused'` for another window. */
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
 * To be called before a page is opened. Writes down every notice and every sound:
 * `await calls(page)`. `answer` is what the person says when asked; `permission` what was said
 * before. Where it `constructs` nothing, as on phones, only the worker can show a notice, and not
 * even that unless `workerShows`.
 */
export function writeDownCalls(page, {
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

/** What called so far. */
export function calls(page) {
  return page.evaluate(() => window.calls);
}
