// One test file in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ENDPOINT_VARIABLE } from '../support/kind.mjs';

/** The longest time of a file. A file that takes longer hangs, and is killed. */
const FILE_MS_MAX = 15 * 60_000;

/** Runs a file. Returns `{ tap, errors, code, signal, seconds }`, its output and how it ended. */
export async function runFile(path, browserEndpoint) {
  const start = performance.now();
  const child = spawn(process.execPath, ['--test-reporter=tap', fileURLToPath(path)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, [ENDPOINT_VARIABLE]: browserEndpoint },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), FILE_MS_MAX);
  let [tap, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (tap += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { tap, errors, code, signal, seconds: (performance.now() - start) / 1000 };
}
