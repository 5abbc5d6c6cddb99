// One TAP report of many test files, whose own reports come as TAP as well.

/** Lines that each file has and the whole report has once. */
const OF_A_WHOLE = new RegExp('^(TAP version \\d+$|1\\.\\.\\d+$|# Subtest: '
  + '|# (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) )');
const RESULT = /^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO)\b(.*))?$/;

export class Report {
  #start = performance.now();
  #count = 0;
  /** The outcome of each test by `file: name`: `passed`, `skipped` or `failed`. */
  outcomes = new Map();

  constructor() {
    console.log('TAP version 13');
  }

  /** Adds what a file printed, with its name before the name of each test. */
  add(file, { tap, errors, code, signal, seconds }) {
    console.log(`# ${file}: ${seconds.toFixed(1)} s`);
    const before = this.outcomes.size;
    let hasFailed = false;
    for (const line of tap.trimEnd().split('\n')) {
      const [isResult, isFailure, name, directive, reason] = RESULT.exec(line) ?? [];
      if (isResult) {
        hasFailed ||= Boolean(isFailure);
        const outcome = isFailure ? 'failed' : directive ? 'skipped' : 'passed';
        this.#result(`${file}: ${name}`, outcome, directive && ` # ${directive}${reason}`);
      } else if (!OF_A_WHOLE.test(line)) {
        console.log(line);
      }
    }
    for (const line of errors.split('\n').filter(Boolean)) console.log(`# ${line}`);
    if (this.outcomes.size === before) this.#result(`${file}: a test ran`, 'failed');
    if (code !== 0 && !hasFailed) {
      this.#result(`${file}: it ended with ${signal ?? `exit code ${code}`}`, 'failed');
    }
  }

  /** Adds a check of the whole run, which has passed if it found nothing. */
  check(name, findings) {
    this.#result(name, findings.length === 0 ? 'passed' : 'failed');
    for (const finding of findings) console.log(`#   ${finding}`);
  }

  #result(name, outcome, directive = '') {
    this.#count += 1;
    console.log(`${outcome === 'failed' ? 'not ok' : 'ok'} ${this.#count} - ${name}${directive}`);
    if (this.outcomes.has(name)) throw new Error(`two tests are called ${name}`);
    this.outcomes.set(name, outcome);
  }

  #names(outcome) {
    return [...this.outcomes].filter(([, other]) => other === outcome).map(([name]) => name);
  }

  get hasFailed() {
    return this.#names('failed').length > 0;
  }

  get skipped() {
    return this.#names('skipped');
  }

  /** Prints the summary, in the words of Node's test runner. */
  end() {
    console.log(`1..${this.#count}`);
    for (const name of this.#names('failed')) console.log(`# failed: ${name}`);
    console.log(`# tests ${this.#count}`);
    for (const [word, outcome] of [['pass', 'passed'], ['fail', 'failed'], ['skipped', 'skipped']]) {
      console.log(`# ${word} ${this.#names(outcome).length}`);
    }
    console.log(`# duration_ms ${Math.round(performance.now() - this.#start)}`);
  }
}
