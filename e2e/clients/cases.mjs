// The conversations that every WebSocket client holds with the echo server (server/examples/echo.rs),
// and the events that must come of them. A client skips the steps that it has no function for.

/** The largest message that the server takes, in bytes. */
const MESSAGE_BYTES_MAX = 65_536;

/** Codes that a client may put into its Close frame (RFC 6455 section 7.4, IANA's registry). */
const CLIENT_CODES = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];

/** Codes that the server closes with. The echo server uses one when it is told to. */
const SERVER_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1013, 4001, 4002];

const text = (said) => ({ op: 'text', text: said });
const binary = (bytes) => ({ op: 'binary', bytes });
const fragments = (pieces, ping) => ({ op: 'fragments', pieces, ping });
const ping = (payload) => ({ op: 'ping', payload });
const close = (code, reason = '') => ({ op: 'close', code, reason });

/** A case whose every step is answered by the same, and which ends with a normal close. */
function echoed(name, ...steps) {
  const events = steps.flatMap((step) => {
    switch (step.op) {
      case 'text': return [{ text: step.text }];
      case 'binary': return [{ binary: step.bytes }];
      case 'ping': return [{ pong: step.payload }];
      case 'fragments': {
        const pongs = step.ping === undefined ? [] : step.pieces.slice(1).map(() => ({ pong: step.ping }));
        return [...pongs, { text: step.pieces.join('') }];
      }
    }
  });
  return { name, steps: [...steps, close(1000)], expected: [...events, { close: 1000 }] };
}

/** A case that the server closes. */
const refused = (name, code, ...steps) => ({ name, steps, expected: [{ close: code }] });

export const CASES = [
  echoed('a text', text('hello')),
  echoed('an empty text', text('')),
  echoed('texts of every script', text('Grüße'), text('你好，世界'), text('👩‍👩‍👧‍👦'), text('a\u0000b\nc')),
  echoed('a hundred texts', ...Array.from({ length: 100 }, (_, number) => text(`text ${number}`))),
  ...[125, 126, 127, 65_535, MESSAGE_BYTES_MAX].flatMap((bytes) => [
    echoed(`a text of ${bytes} bytes`, text('x'.repeat(bytes))),
    echoed(`a binary message of ${bytes} bytes`, binary(bytes)),
  ]),
  echoed('an empty binary message', binary(0)),
  echoed('a text in fragments', fragments(['frag', '', 'ment', 's']), text('behind')),
  echoed('a text in fragments with pings between', fragments(['a', 'b', 'c'], 'between'), text('behind')),
  echoed('large fragments', fragments(['x'.repeat(30_000), '界'.repeat(10_000)])),
  echoed('pings', ping(''), ping('payload'), ping('x'.repeat(125)), text('behind')),
  refused('a text over the limit', 1009, text('x'.repeat(MESSAGE_BYTES_MAX + 1))),
  refused('a text far over the limit', 1009, text('界'.repeat(MESSAGE_BYTES_MAX))),
  refused('a binary message over the limit', 1009, binary(MESSAGE_BYTES_MAX + 1)),
  refused('fragments over the limit', 1009, fragments(['x'.repeat(40_000), 'y'.repeat(40_000)])),
  ...CLIENT_CODES.flatMap((code) => ['', 'bye', '再见'].map((reason) => ({
    name: `the client closes with ${code} ${reason}`.trim(),
    steps: [text('before'), close(code, reason)],
    expected: [{ text: 'before' }, { close: code }],
  }))),
  ...SERVER_CODES.map((code) => refused(`the server closes with ${code}`, code, text(`@close:${code}`))),
];

/** The ability that a step needs: `binary`, `fragments`, `ping`, or a close code. */
const need = ({ op, code }) => (op === 'close' ? code : op);

/** Returns the cases that a client is able to hold. `closes` are the close codes that it can send. */
export function casesFor({ ops, closes }) {
  const can = new Set(['text', ...ops, ...(closes === 'all' ? CLIENT_CODES : CLIENT_CODES.filter(closes))]);
  return CASES.filter(({ steps }) => steps.every((step) => can.has(need(step))));
}
