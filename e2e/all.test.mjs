// Every test there is, in one process, so that one Chromium serves them all.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

import './tests/access.test.mjs';
import './tests/axe.test.mjs';
import './tests/chat.test.mjs';
import './tests/clients-browser.test.mjs';
import './tests/clients.test.mjs';
import './tests/commands.test.mjs';
import './tests/composer.test.mjs';
import './tests/connection.test.mjs';
import './tests/crash.test.mjs';
import './tests/crowd.test.mjs';
import './tests/delivery.test.mjs';
import './tests/embedding.test.mjs';
import './tests/folding.test.mjs';
import './tests/history-off.test.mjs';
import './tests/history.test.mjs';
import './tests/hostile-text.test.mjs';
import './tests/ime.test.mjs';
import './tests/landing.test.mjs';
import './tests/language-and-theme.test.mjs';
import './tests/list-keys.test.mjs';
import './tests/losing.test.mjs';
import './tests/members.test.mjs';
import './tests/mentions.test.mjs';
import './tests/menu.test.mjs';
import './tests/names.test.mjs';
import './tests/nickname.test.mjs';
import './tests/notices.test.mjs';
import './tests/offline.test.mjs';
import './tests/outbox.test.mjs';
import './tests/people.test.mjs';
import './tests/phone.test.mjs';
import './tests/policy.test.mjs';
import './tests/protocol-client.test.mjs';
import './tests/proxies.test.mjs';
import './tests/proxy-wire.test.mjs';
import './tests/rate-limit.test.mjs';
import './tests/reading.test.mjs';
import './tests/restored.test.mjs';
import './tests/resume.test.mjs';
import './tests/rooms.test.mjs';
import './tests/rows-elsewhere.test.mjs';
import './tests/seed-page.test.mjs';
import './tests/share.test.mjs';
import './tests/slow-line.test.mjs';
import './tests/startup.test.mjs';
import './tests/storage.test.mjs';
import './tests/text.test.mjs';
import './tests/times.test.mjs';
import './tests/typing.test.mjs';
import './tests/unread.test.mjs';
import './tests/window.test.mjs';

// A list that could be forgotten is checked. (Imports awaited one by one keep the test runner from
// ending while a browser is open.)
const here = readFileSync(new URL(import.meta.url), 'utf8');
for (const file of readdirSync(new URL('./tests/', import.meta.url))) {
  assert.ok(here.includes(`'./tests/${file}'`), `tests/${file} is not in all.test.mjs`);
}

// So is a list of tests that promises something.
const acceptance = readFileSync(new URL('../docs/acceptance-web.md', import.meta.url), 'utf8');
const client = new URL('../web/src/', import.meta.url);
const rust = readdirSync(client, { recursive: true }).filter((path) => path.endsWith('.rs'))
  .map((path) => readFileSync(new URL(path, client), 'utf8')).join();
const literally = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
for (const [, file, name] of acceptance.matchAll(/`([a-z-]+): ([^`…]*(?:…[^`]*)?)`/g)) {
  if (name === '…') continue;
  const source = file === 'web'
    ? rust
    : readFileSync(new URL(`./tests/${file}.test.mjs`, import.meta.url), 'utf8');
  const begins = literally(name).replace('…', '\\$\\{\\w+\\}');
  const test = file === 'web' ? `fn ${begins}` : `story\\(\\s*['"\`]${begins}`;
  assert.match(source, new RegExp(test), `docs/acceptance-web.md: ${file}: ${name}`);
}
