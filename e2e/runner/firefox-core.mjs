// The core of the browser tests, which runs in Firefox as well.

export const FIREFOX_FILES = [
  'chat', 'clients-browser', 'commands', 'history', 'ime', 'nickname', 'outbox', 'resume', 'typing',
];

/** Tests that must pass in Firefox, by `file: name`. */
const CORE = {
  send: [
    'chat: two members see every message of both once',
    'outbox: messages typed offline are sent after the reconnect, once and in order',
  ],
  resend: [
    'outbox: a message lost on its way is sent again, once',
    'outbox: server killed after storing an unconfirmed message: the message appears once',
  ],
  history: [
    'history: PageUp leads to the beginning',
    'history: at the bottom the list follows new messages, own ones and others',
  ],
  resume: ['resume: a reload or a short outage shows other members no leave'],
  'input methods': ['ime: Enter that confirms a composition does not send'],
  rename: ['nickname: a rename reaches every member and survives a reload'],
  reload: ['outbox: waiting messages survive a reload and are sent once'],
};

/** The only tests that may be skipped: they need Chromium's own protocol. */
const NEED_CHROMIUM = [
  'commands: a history command is not sent until the person chooses to run it or to send it as text',
  'history: reading up to the beginning while a bot sends moves no row under the eye',
  'history: histories of whole pages, and of one message more, end with the beginning',
  'resume: a duplicated tab whose original is frozen is another member',
  'typing: on a phone Return starts a line and the button sends, until a switch changes it',
  'typing: Return of a phone during a composition sends all of the text, or starts a line',
  'typing: the button of a phone during a composition sends all of the text once',
  'typing: Send during a composition waits for its end, and a cancelled composition sends nothing',
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
