// A simulated room of any size for one page: frames as of the server, at steady rates, without the
// thousands of connections that would use the processors.

const MESSAGES_PER_SECOND = 30;
const JOINS_PER_SECOND = 10;
/** The number of different nicknames. */
const NAMES = 2_000;

/** Answers the page's WebSocket. `start()` begins to send, `stop()` returns the numbers of frames. */
export async function playRoom(page, members) {
  const me = '<0.1.1>';
  const present = [];
  for (let serial = 2; serial <= members; serial += 1) present.push(memberOf(serial));
  let last = members;
  let id = 0;
  let [said, came] = [0, 0];
  let socket;
  const timers = [];
  const tell = (from, type, payload, more = {}) => socket.send(JSON.stringify({
    from, xnest: 'played', type, payload, send_time: '2026-11-30 12:0:0', ...more, ts: Date.now(),
  }));

  await page.routeWebSocket(/\/xgate\/websocket\//, (route) => {
    socket = route;
    tell(me, 'self', me, { epoch: 'played' });
    tell(me, 'member_count', members);
    tell(me, 'members', [...present, { pid: me, nickname: 'Anna' }]);
    tell(me, 'history', []);
    route.onMessage((text) => {
      if (String(text).startsWith('@history:')) tell(me, 'history', []);
    });
  });
  return {
    start() {
      timers.push(setInterval(() => {
        const { pid, nickname } = present[said % present.length];
        said += 1;
        id += 1;
        tell(pid, 'normal', `message ${said}`, { id, nickname });
      }, 1000 / MESSAGES_PER_SECOND));
      timers.push(setInterval(() => {
        last += 1;
        came += 1;
        const newcomer = memberOf(last);
        present.push(newcomer);
        tell(newcomer.pid, 'join', newcomer.nickname);
        // The leaving member is at any place in the list.
        const [leaver] = present.splice((came * 37) % (present.length - 1), 1);
        tell(leaver.pid, 'leave', 'leave');
      }, 1000 / JOINS_PER_SECOND));
    },
    stop() {
      timers.forEach(clearInterval);
      return { said, came };
    },
  };
}

function memberOf(serial) {
  return { pid: `<0.${serial}.1>`, nickname: `guest ${serial % NAMES}` };
}
