// Runs the browser tests: each file of tests/ in a process of its own, several at a time, all in one
// browser. Prints one TAP report.
//   node run.mjs [FILE…]      all files, or some, as in `node run.mjs history menu`
// E2E_SHARDS sets how many files run at a time. E2E_BROWSER=firefox runs the core in Firefox.
import { readdirSync, rmSync } from 'node:fs';
import { missingTests } from './runner/acceptance.mjs';
import { FIREFOX_FILES, coreFindings, skippedFindings } from './runner/firefox-core.mjs';
import { inOrder, measuresTheMachine } from './runner/plan.mjs';
import { runFile } from './runner/file.mjs';
import { Report } from './runner/report.mjs';
import { ARTIFACTS } from './support/artifacts.mjs';
import { IN_FIREFOX, serve } from './support/kind.mjs';

const SHARDS_DEFAULT = 2;

const TESTS = new URL('./tests/', import.meta.url);
const SUFFIX = '.test.mjs';

const existing = readdirSync(TESTS).filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length));
const named = process.argv.slice(2);
const unknown = named.filter((name) => !existing.includes(name));
if (unknown.length > 0) throw new Error(`there is no tests/${unknown[0]}${SUFFIX}`);
const shards = Number(process.env.E2E_SHARDS ?? SHARDS_DEFAULT);
if (!(shards >= 1)) throw new Error('E2E_SHARDS is a number of processes');

const isWhole = named.length === 0;
const files = inOrder(isWhole ? (IN_FIREFOX ? FIREFOX_FILES : existing) : named);
const report = new Report();

// Evidence of an earlier run would be taken for that of this one.
rmSync(ARTIFACTS, { recursive: true, force: true });
if (!IN_FIREFOX) report.check('docs/acceptance-web.md names only tests that exist', missingTests());

const browser = await serve();
let hasBrowser = true;
browser.on('close', () => (hasBrowser = false));
try {
  await runAll(files.filter(measuresTheMachine), 1);
  await runAll(files.filter((file) => !measuresTheMachine(file)), shards);
  report.check('the browser ran to the end', hasBrowser ? [] : ['it closed during the tests']);
} finally {
  await browser.close();
}
if (IN_FIREFOX && isWhole) {
  for (const [name, findings] of coreFindings(report)) report.check(name, findings);
  report.check('no other test was skipped than those that need Chromium', skippedFindings(report));
}
report.end();
process.exitCode = report.hasFailed ? 1 : 0;

/** Runs files in order, `count` at a time: a process that ends makes room for the next file. */
async function runAll(files, count) {
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.shift(); file && hasBrowser; file = queue.shift()) {
      const path = new URL(`${file}${SUFFIX}`, TESTS);
      report.add(file, await runFile(path, browser.wsEndpoint()));
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
}
