// The core of the browser tests, which runs in Firefox as well.

export const FIREFOX_FILES = [
  'chat', 'clients-browser', 'commands', 'history', 'ime', 'nickname', 'outbox', 'resume', 'typing',
];

/** Tests that must pass in Firefox, by `file: name`. */
const CORE = {
  send: [
    'chat: two people chat both ways and each sees every message once',
    'outbox: messages typed while offline wait, and are sent once each, in order',
  ],
  resend: [
    'outbox: a message lost on its way is sent again by itself, once',
    'outbox: a server killed after keeping a message, unsaid: it is there once',
  ],
  history: [
    'history: the keyboard reads back to the beginning as well',
    'history: at the bottom new rows are followed, whoever writes them',
  ],
  resume: ['resume: reloading, or losing the network for a moment, shows the others nothing'],
  'input methods': ['ime: Enter that confirms what an input method wrote never sends'],
  rename: ['nickname: renaming in place reaches everybody and outlives a reload'],
  reload: ['outbox: messages that wait outlive a reload and are sent once'],
};

/** The only tests that may be skipped: they need Chromium's own protocol. */
const NEED_CHROMIUM = [
  'commands: a history command in the box is not sent: it is run or said on request',
  'history: reading back to the beginning while a bot goes on talking',
  'history: exactly one page, and one message more, end with the beginning',
  'resume: a duplicated tab whose original is frozen is another member, too',
  'typing: on a phone Return starts a line and the button sends; a switch changes it',
  'typing: Return of a phone in an open word sends all of it, or starts a line',
  'typing: the button of a phone in an open word sends all of it, once',
  'typing: Send pressed during a composition waits for its end, and a cancelled one sends nothing',
];

/** Returns, for each part of the core, the name of its check and the tests that did not pass. */
export function coreFindings({ outcomes }) {
  return Object.entries(CORE).map(([part, tests]) => {
    const missing = tests.filter((name) => outcomes.get(name) !== 'passed');
    return [`the core ran and passed: ${part}`,
      missing.map((name) => `${name}: ${outcomes.get(name) ?? 'not run'}`)];
  });
}

/** Returns tests that were skipped and may not be, and those that were to be skipped and were not. */
export function skippedFindings({ skipped }) {
  return [
    ...skipped.filter((name) => !NEED_CHROMIUM.includes(name)).map((name) => `skipped: ${name}`),
    ...NEED_CHROMIUM.filter((name) => !skipped.includes(name)).map((name) => `not skipped: ${name}`),
  ];
}
