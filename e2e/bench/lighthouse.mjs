// Lighthouse, with its mobile setting, on the front page and in a room: `node bench/lighthouse.mjs`.
// npx fetches Lighthouse, which the tests do not need.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bot } from '../support/bot.mjs';
import { Server } from '../support/server.mjs';

const LIGHTHOUSE = 'lighthouse@13.5.0';
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];
const FIGURES = [
  'first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time',
  'cumulative-layout-shift', 'speed-index', 'total-byte-weight',
];

async function audit(url, folder) {
  const report = join(folder, 'report.json');
  const args = [
    '--yes', '--loglevel=error', LIGHTHOUSE, url, '--quiet', '--output=json', `--output-path=${report}`,
    `--only-categories=${CATEGORIES}`, '--chrome-flags=--headless=new --no-sandbox',
  ];
  const CHROME_PATH = process.env.CHROMIUM || '/usr/bin/chromium';
  const child = spawn('npx', args, { stdio: 'inherit', env: { ...process.env, CHROME_PATH } });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`lighthouse ended with ${code}`);
  return JSON.parse(await readFile(report, 'utf8'));
}

const server = await Server.start();
const folder = await mkdtemp(join(tmpdir(), 'xmeet-lighthouse-'));
try {
  const bot = await Bot.join(server, 'lighthouse', '小明');
  await bot.say('你好', 'see https://example.org/', 'one more');
  for (const path of ['/', '/room/lighthouse']) {
    const { categories, audits } = await audit(server.origin + path, folder);
    console.log(`\n${path}`);
    for (const { title, score } of Object.values(categories)) {
      console.log(`  ${title}: ${Math.round(score * 100)}`);
    }
    for (const name of FIGURES) console.log(`  ${audits[name].title}: ${audits[name].displayValue}`);
    // Audits with room for improvement. Insights without a weight only inform.
    const weighed = Object.values(categories).flatMap(({ auditRefs }) => auditRefs)
      .filter(({ id, weight }) => weight > 0 && (audits[id].score ?? 1) < 0.9);
    for (const { id } of weighed) console.log(`  below 90: ${audits[id].title}`);
  }
  bot.vanish();
} finally {
  await server.remove();
  await rm(folder, { recursive: true });
}
