// The tests that docs/acceptance-web.md names.
import { readFileSync, readdirSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');

/** Returns the tests that the document names and that do not exist. */
export function missingTests() {
  const client = readdirSync(new URL('web/src/', ROOT), { recursive: true })
    .filter((path) => path.endsWith('.rs'))
    .map((path) => read(`web/src/${path}`)).join();
  const source = (file) => (file === 'web' ? client : read(`e2e/tests/${file}.test.mjs`));
  const named = [...read('docs/acceptance-web.md').matchAll(/`([a-z-]+): ([^`…]*(?:…[^`]*)?)`/g)];
  return named
    .filter(([, file, name]) => name !== '…' && !beginOf(file, name).test(source(file)))
    .map(([, file, name]) => `${file}: ${name}`);
}

/** Returns a pattern for a test whose name begins so. … is a part that differs between tests. */
function beginOf(file, name) {
  const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace('…', '\\$\\{\\w+\\}');
  return new RegExp(file === 'web' ? `fn ${literal}` : `story\\(\\s*['"\`]${literal}`);
}
