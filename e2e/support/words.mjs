// The texts of the page in both languages, by the names that they have in web/src/i18n: a change of
// such a text changes no test.
import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../web/src/i18n/', import.meta.url);

const ENGLISH = textsOf('en.rs');
const CHINESE = textsOf('zh.rs');

/** Returns the texts of a language. A text with a number or a name in it is a function. */
export const wordsOf = (locale) => (locale.startsWith('zh') ? CHINESE : ENGLISH);

/** The texts in English, the language of tests that choose none. */
export const words = ENGLISH;

/** Texts outside of web/src/i18n: of index.html, and of the server's pages. */
export const outside = {
  en: {
    crashed: 'XMeet has crashed', reload: 'Reload', framed: 'XMeet can’t run in this frame',
    needs: 'It needs JavaScript and WebAssembly', loadAgain: 'Load again',
    notFound: 'Page not found', home: 'Go to home page',
  },
  zh: {
    crashed: 'XMeet 出错了', reload: '重新加载', framed: 'XMeet 无法在此框架中运行',
    needs: '本页需要 JavaScript 和 WebAssembly', loadAgain: '重新加载',
    notFound: '页面不存在', home: '返回首页',
  },
};

function textsOf(file) {
  const source = readFileSync(new URL(file, FOLDER), 'utf8');
  const table = source.slice(source.indexOf('Text = Text {'));
  const entries = [...table.matchAll(/\n {4}(\w+): ([^]*?),(?=\n+ {4}\w+[:,]|\n\};)/g)];
  const known = Object.fromEntries(entries.map(([, name, value]) => [name, textOf(value)]));
  return new Proxy(known, {
    get(texts, name) {
      if (texts[name] === undefined) throw new Error(`${file} has no ${String(name)} that a test can read`);
      return texts[name];
    },
  });
}

/** Returns the text of an expression in Rust, or undefined for a kind that no test needs. */
function textOf(expression) {
  const literals = [...expression.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text);
  if (/^"/.test(expression)) return literals[0];
  if (/^\(/.test(expression)) return literals;
  const body = /^\|(\w+)\|\s*([^]*)$/.exec(expression)?.[2];
  if (body === undefined) return undefined;
  if (/^count\(/.test(body)) return (n) => counted(n, literals);
  if (/^format!\("[^"]*", count\(/.test(body)) {
    const [whole, ...forms] = literals;
    return (n) => whole.replace('{}', counted(n, forms));
  }
  if (/^format!\("[^"]*"\)$/.test(body)) return (value) => literals[0].replace(/\{\w+\}/, value);
  return undefined;
}

const counted = (n, [one, many]) => `${n} ${n === 1 ? one : many}`;
