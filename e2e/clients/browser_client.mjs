// The conversations, by a browser's own WebSocket. Each runs inside a page.

/** Holds one conversation in a page and returns its events. */
export const hold = (page, url, steps) => page.evaluate(async ({ url, steps }) => {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const events = [];
  let wake = () => {};
  const note = (event) => {
    events.push(event);
    wake();
  };
  socket.onmessage = ({ data }) => note(typeof data === 'string' ? { text: data } : { binary: data.byteLength });
  socket.onclose = ({ code }) => note({ close: code });
  const isClosed = () => events.some((event) => 'close' in event);
  const until = async (count) => {
    while (events.length < count && !isClosed()) await new Promise((resolve) => { wake = resolve; });
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error('no connection'));
  });
  for (const step of steps) {
    if (isClosed()) break;
    const before = events.length;
    if (step.op === 'text') socket.send(step.text);
    else if (step.op === 'binary') socket.send(new Uint8Array(step.bytes));
    else socket.close(step.code, step.reason);
    await until(before + 1);
  }
  await until(Infinity);
  return events;
}, { url, steps });
