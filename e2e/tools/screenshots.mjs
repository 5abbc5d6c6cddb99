// Takes the pictures in docs/screenshots: `node e2e/tools/screenshots.mjs`, after `cargo xtask dist`.
// The other members in them are bots.
import { fileURLToPath } from 'node:url';
import { Bot } from '../support/bot.mjs';
import { launch } from '../support/chromium.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { Server } from '../support/server.mjs';

const FOLDER = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };
const LONG_MESSAGES = 400;

const browser = await launch();
// Members of an earlier picture leave at once.
const server = await Server.start(['--resume-grace-seconds', '0']);

/** Opens a window in a new profile, with a size, theme and language. */
async function window({ viewport = WIDE, colorScheme = 'light', locale = 'en-US' }) {
  const context = await browser.newContext({
    viewport,
    colorScheme,
    locale,
    isMobile: viewport === NARROW,
    hasTouch: viewport === NARROW,
    deviceScaleFactor: viewport === NARROW ? 2 : 1,
  });
  return context.newPage();
}

async function landing(name, look) {
  const page = await window(look);
  await page.goto(`${server.origin}/`);
  await page.locator('.card').waitFor();
  await take(page, name);
}

async function room(name, id, nickname, look, prepare = async () => {}) {
  const page = await window(look);
  const view = new RoomPage(page);
  await view.open(server.origin, id, nickname);
  await prepare(view, page);
  await view.atRest();
  await take(page, name);
}

async function take(page, name) {
  await page.screenshot({ path: `${FOLDER}${name}.png` });
  await page.context().close();
  console.log(name);
}

/** A conversation of three members with a link, a mention and three languages. */
async function conversation(id) {
  const [ann, ming, omar] = [
    await Bot.join(server, id, 'Ann'),
    await Bot.join(server, id, '小明'),
    await Bot.join(server, id, 'عمر'),
  ];
  await ann.say('Good morning! Does the link in the invitation work for you all?');
  await ming.say('可以的，手机上也能打开。', '一点进来就在房间里了，不用注册。');
  await omar.say('صباح الخير! يعمل هنا أيضا');
  await ann.say('Then let us meet here at four. The plan: https://example.org/plan');
  await ming.say('@Zoë 好，四点见！');
  const guest = await Bot.join(server, id, 'Guest');
  await guest.leave();
  await omar.say('👍');
}

try {
  await landing('landing', {});
  await landing('landing-360-dark', { viewport: NARROW, colorScheme: 'dark', locale: 'zh-CN' });
  await conversation('garden party');
  await room('room-light', 'garden party', 'Zoë', {});
  await room('room-dark', 'garden party', 'Zoë', { colorScheme: 'dark' });
  await room('room-360', 'garden party', '小雨', { viewport: NARROW, locale: 'zh-CN' });
  await room('offline', 'garden party', 'Zoë', {}, async (view, page) => {
    await page.context().setOffline(true);
    await view.disconnected();
    await view.say('Written in a tunnel: it goes out by itself when the train is through.');
  });
  const bot = await Bot.join(server, 'archive', 'Archivist');
  const lines = Array.from({ length: LONG_MESSAGES }, (_, at) => `Entry ${at + 1} of the log.`);
  await bot.say(...lines);
  await room('long-history', 'archive', 'Reader', {}, async (view) => {
    for (let page = 0; page < 3; page += 1) await view.wheel(-4_000);
  });
} finally {
  await browser.close();
  await server.remove();
}
