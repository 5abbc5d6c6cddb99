// The core of the browser tests in Firefox: send, resend, history, resume, input methods, rename,
// reload, typing. Stories that need Chromium's own protocol skip themselves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import './tests/chat.test.mjs';
import './tests/clients-browser.test.mjs';
import './tests/commands.test.mjs';
import './tests/history.test.mjs';
import './tests/ime.test.mjs';
import './tests/nickname.test.mjs';
import './tests/outbox.test.mjs';
import './tests/resume.test.mjs';
import './tests/typing.test.mjs';
import { outcomes } from './support/world.mjs';

/** The stories without which Firefox has not been tried. */
const CORE = {
  send: [
    'two people chat both ways and each sees every message once',
    'messages typed while offline wait, and are sent once each, in order',
  ],
  resend: [
    'a message lost on its way is sent again by itself, once',
    'a server killed after keeping a message, unsaid: it is there once',
  ],
  history: [
    'the keyboard reads back to the beginning as well',
    'at the bottom new rows are followed, whoever writes them',
  ],
  resume: ['reloading, or losing the network for a moment, shows the others nothing'],
  'input methods': ['Enter that confirms what an input method wrote never sends'],
  rename: ['renaming in place reaches everybody and outlives a reload'],
  reload: ['messages that wait outlive a reload and are sent once'],
};

/** The only stories that may be skipped: they need Chromium's own protocol. */
const NEED_CHROMIUM = [
  'a history command in the box is not sent: it is run or said on request',
  'reading back to the beginning while a bot goes on talking',
  'exactly one page, and one message more, end with the beginning',
  'a duplicated tab whose original is frozen is another member, too',
  'on a phone Return starts a line and the button sends; a switch changes it',
  'Return of a phone in an open word sends all of it, or starts a line',
  'the button of a phone in an open word sends all of it, once',
  'Send pressed during a composition waits for its end, and a cancelled one sends nothing',
];

// Node runs the tests of a file in order, so every story has ended here.
for (const [part, stories] of Object.entries(CORE)) {
  test(`the core ran and passed: ${part}`, () => {
    const outcome = (name) => [name, outcomes.get(name) ?? 'not run'];
    assert.deepEqual(stories.map(outcome), stories.map((name) => [name, 'passed']));
  });
}

test('no other story was skipped than those that need Chromium', () => {
  const skipped = [...outcomes].filter(([, outcome]) => outcome === 'skipped').map(([name]) => name);
  assert.deepEqual(skipped.sort(), [...NEED_CHROMIUM].sort());
});
