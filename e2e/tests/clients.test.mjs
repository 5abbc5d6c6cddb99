// WebSocket clients of other projects check the wire: each completes the conversations of
// clients/cases.mjs with an echo server, directly and with all bytes in small pieces.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { casesFor } from '../clients/cases.mjs';
import { hold as holdByWs } from '../clients/ws_client.mjs';
import { Echo, Slicer } from '../support/echo.mjs';

const PYTHON = process.env.XMEET_PYTHON || 'python3';
const CLIENTS_MS = 120_000;
/** The most that a client prints, in bytes: all texts of its conversations. */
const PRINTED_BYTES_MAX = 64 * 1024 * 1024;

const EVERYTHING = { ops: ['binary', 'fragments', 'ping'], closes: 'all' };

/**
 * The abilities of each client. aiohttp cannot send fragments. wsproto rejects code 1014, which was
 * registered after RFC 6455.
 */
const CLIENTS = {
  ws: { can: EVERYTHING, hold: byNode(holdByWs) },
  websockets: { can: EVERYTHING, hold: byPython('websockets_client.py') },
  wsproto: { can: { ...EVERYTHING, closes: (code) => code !== 1014 }, hold: byPython('wsproto_client.py') },
  aiohttp: { can: { ops: ['binary', 'ping'], closes: 'all' }, hold: byPython('aiohttp_client.py') },
};

function byNode(hold) {
  return async (url, cases) => {
    const results = [];
    for (const { name, steps } of cases) results.push({ name, events: await hold(url, steps) });
    return results;
  };
}

function byPython(file) {
  const script = fileURLToPath(new URL(`../clients/${file}`, import.meta.url));
  return (url, cases) => new Promise((resolve, reject) => {
    const options = { timeout: CLIENTS_MS, maxBuffer: PRINTED_BYTES_MAX };
    const child = execFile(PYTHON, [script], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file}: ${stderr || error}`));
      else resolve(JSON.parse(stdout));
    });
    child.stdin.end(JSON.stringify({ url, cases }));
  });
}

let echo;
let slicer;
before(async () => {
  echo = await Echo.start();
  slicer = await Slicer.open(echo.port);
});
after(async () => {
  await slicer?.close();
  await echo?.stop();
});

for (const [name, { can, hold }] of Object.entries(CLIENTS)) {
  for (const [how, url] of [['directly', () => echo.url], ['in small pieces', () => slicer.url]]) {
    test(`${name} completes every conversation ${how}`, { timeout: CLIENTS_MS }, async () => {
      const cases = casesFor(can);
      const results = await hold(url(), cases);
      assert.equal(results.length, cases.length);
      for (const [number, { name: named, expected }] of cases.entries()) {
        assert.deepEqual(results[number], { name: named, events: expected }, named);
      }
    });
  }
}
