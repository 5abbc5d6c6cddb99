// The conversations, by Node's `ws`.
import { once } from 'node:events';
import { WebSocket } from 'ws';

const PIECES_PAUSE = () => new Promise((resolve) => setImmediate(resolve));

/** Holds one conversation and returns its events. */
export async function hold(url, steps) {
  const socket = new WebSocket(url);
  const events = [];
  let wake = () => {};
  const note = (event) => {
    events.push(event);
    wake();
  };
  socket.on('message', (data, isBinary) => note(isBinary ? { binary: data.length } : { text: data.toString() }));
  socket.on('pong', (data) => note({ pong: data.toString() }));
  socket.on('close', (code) => note({ close: code }));
  // Sending on a closed connection is an error. The close event has its code.
  socket.on('error', () => {});
  await once(socket, 'open');
  const isClosed = () => events.some((event) => 'close' in event);
  const until = async (count) => {
    while (events.length < count && !isClosed()) await new Promise((resolve) => { wake = resolve; });
  };
  for (const step of steps) {
    if (isClosed()) break;
    await until(await take(socket, step, events.length));
  }
  await until(Infinity);
  return events;
}

/** Carries out a step. Returns the number of events after its answer. */
async function take(socket, step, before) {
  switch (step.op) {
    case 'text': socket.send(step.text); break;
    case 'binary': socket.send(Buffer.alloc(step.bytes)); break;
    case 'ping': socket.ping(step.payload); break;
    case 'close': socket.close(step.code, step.reason); break;
    case 'fragments': {
      const last = step.pieces.length - 1;
      for (const [number, piece] of step.pieces.entries()) {
        if (number > 0 && step.ping !== undefined) socket.ping(step.ping);
        socket.send(piece, { fin: number === last });
        await PIECES_PAUSE();
      }
      return before + 1 + (step.ping === undefined ? 0 : last);
    }
  }
  return before + 1;
}
