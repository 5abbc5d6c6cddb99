// Clicks on notifications of the service worker.

/**
 * Shows a notification with `data` and dispatches a click on it in the worker. Returns the addresses
 * of the tabs that the worker focused, the addresses that it opened, and how many notifications are
 * left. Browsers focus and open windows only at the click of a person, so those two calls are
 * recorded and not made.
 */
export function clickNotification(worker, data) {
  return worker.evaluate(async (data) => {
    const { focus } = WindowClient.prototype;
    const { openWindow } = Clients.prototype;
    const [focused, opened] = [[], []];
    WindowClient.prototype.focus = async function () {
      // The worker knows a tab by the address that it was opened with, its query included.
      focused.push(this.url.split('?')[0]);
      return this;
    };
    Clients.prototype.openWindow = async (url) => void opened.push(url);
    try {
      await registration.showNotification('bot', { data });
      const [notification] = await registration.getNotifications();
      const event = new NotificationEvent('notificationclick', { notification });
      // A script may not prolong an event that a script made.
      let finished;
      event.waitUntil = (promise) => (finished = promise);
      self.dispatchEvent(event);
      await finished;
      const left = (await registration.getNotifications()).length;
      return { focused, opened, left };
    } finally {
      WindowClient.prototype.focus = focus;
      Clients.prototype.openWindow = openWindow;
    }
  }, data);
}
