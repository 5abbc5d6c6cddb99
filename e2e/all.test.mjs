// Every test there is, in one process, so that one Chromium serves them all.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

import './tests/access.test.mjs';
import './tests/axe.test.mjs';
import './tests/chat.test.mjs';
import './tests/commands.test.mjs';
import './tests/composer.test.mjs';
import './tests/connection.test.mjs';
import './tests/delivery.test.mjs';
import './tests/folding.test.mjs';
import './tests/history.test.mjs';
import './tests/ime.test.mjs';
import './tests/landing.test.mjs';
import './tests/language-and-theme.test.mjs';
import './tests/list-keys.test.mjs';
import './tests/members.test.mjs';
import './tests/mentions.test.mjs';
import './tests/menu.test.mjs';
import './tests/names.test.mjs';
import './tests/nickname.test.mjs';
import './tests/notices.test.mjs';
import './tests/offline.test.mjs';
import './tests/outbox.test.mjs';
import './tests/phone.test.mjs';
import './tests/resume.test.mjs';
import './tests/rooms.test.mjs';
import './tests/seed-page.test.mjs';
import './tests/share.test.mjs';
import './tests/startup.test.mjs';
import './tests/text.test.mjs';
import './tests/unread.test.mjs';
import './tests/window.test.mjs';

// A list that could be forgotten is checked. (Imports awaited one by one keep the test runner from
// ending while a browser is open.)
const here = readFileSync(new URL(import.meta.url), 'utf8');
for (const file of readdirSync(new URL('./tests/', import.meta.url))) {
  assert.ok(here.includes(`'./tests/${file}'`), `tests/${file} is not in all.test.mjs`);
}
