// Language and theme: by the browser, by the switch, remembered.
import assert from 'node:assert/strict';
import { LandingPage } from '../support/landing-page.mjs';
import { RoomPage } from '../support/room-page.mjs';
import { until } from '../support/until.mjs';
import { story } from '../support/world.mjs';

const HAN = /\p{Script=Han}/u;

const langOf = (view) => view.page.locator('html').getAttribute('lang');
const backgroundOf = (view) =>
  view.page.evaluate(() => getComputedStyle(document.body).backgroundColor);

/** Returns all texts of a page, with those for screen readers. */
function textsOf(view) {
  return view.page.evaluate(() => {
    const words = new Set([document.title]);
    for (const element of document.querySelectorAll('body *')) {
      if (element.closest('script, style, noscript, .text')) continue;
      for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'aria-description']) {
        if (element.getAttribute(name)) words.add(element.getAttribute(name));
      }
      for (const node of element.childNodes) {
        if (node.nodeType === Node.TEXT_NODE && node.data.trim()) words.add(node.data.trim());
      }
    }
    return [...words];
  });
}

story('the page has the language of the browser', async (world) => {
  const words = { 'zh-CN': true, 'zh-TW': true, 'en-GB': false, 'de-DE': false };
  for (const [locale, isChinese] of Object.entries(words)) {
    const view = await world.person('lang', 'Anna', { locale });
    assert.equal(await langOf(view), isChinese ? 'zh-CN' : 'en', locale);
    const label = await view.composer.getAttribute('placeholder');
    assert.equal(HAN.test(label), isChinese, `${locale}: ${label}`);
    await view.page.close();
  }
});

story('the language switch works at once and is remembered on every page', async (world) => {
  const view = await world.person('lang', 'Anna');
  assert.equal(await langOf(view), 'en');
  await view.language.click();
  await until('Chinese', async () => (await langOf(view)) === 'zh-CN');
  assert.match(await view.composer.getAttribute('placeholder'), HAN);
  await view.say('text stays');
  await view.shows('text stays');
  await view.reload();
  assert.equal(await langOf(view), 'zh-CN');
  const landing = new LandingPage(view.page);
  await landing.open(world.server.origin);
  assert.equal(await langOf(landing), 'zh-CN');
  assert.match(await landing.go.textContent(), HAN);
  await landing.language.click();
  await until('English', async () => (await langOf(landing)) === 'en');
  assert.doesNotMatch(await landing.go.textContent(), HAN);
  await view.open(world.server.origin, 'lang');
  assert.equal(await langOf(view), 'en');
});

story('every text on the page is in the chosen language', async (world) => {
  const collect = async (locale) => {
    const view = await world.person(`cover ${locale}`, 'N4me', { locale });
    const bot = await world.bot(`cover ${locale}`, 'B0t');
    await view.line('join', 'B0t');
    bot.send('@changename:B1t');
    await view.line('changename', 'B1t');
    await bot.leave();
    await view.line('leave', 'B1t');
    await view.say('@history:0');
    await view.command.waitFor();
    await view.openRename();
    const words = await textsOf(view);
    const landing = new LandingPage(view.page);
    await landing.open(world.server.origin);
    await landing.nickname.fill('   ');
    await landing.go.click();
    await landing.nicknameError.waitFor();
    return [...words, ...(await textsOf(landing))];
  };
  // Names, keys, times and typed texts are the same in every language.
  const NEUTRAL = [
    /^(XMeet|cover.*|N4me|B[01]t|@history:0|Enter|Shift.*)$/,
    /^[\p{P}\p{S}\d\s]*$/u,
    /^[\d:]+ UTC[+-][\d:]+$/,
    /^(中|EN)$/,
    /^中 · Switch/,
  ];
  const own = (text) => NEUTRAL.some((pattern) => pattern.test(text));
  const english = (await collect('en-US')).filter((text) => !own(text));
  const chinese = (await collect('zh-CN')).filter((text) => !own(text));
  assert.ok(english.length > 15 && chinese.length > 15, 'both pages have texts');
  const inHan = english.filter((text) => HAN.test(text));
  assert.deepEqual(inHan, [], 'Chinese on the English page');
  const letters = /[A-Za-z]{2,}/;
  const notInHan = chinese.filter((text) => letters.test(text) && !HAN.test(text));
  assert.deepEqual(notInHan, [], 'English on the Chinese page');
});

story('the theme follows the system until the switch overrides it, and the choice is remembered', async (world) => {
  const light = await world.person('theme', 'Anna', { colorScheme: 'light' });
  const dark = await world.person('theme', 'Bert', { colorScheme: 'dark' });
  const [white, black] = [await backgroundOf(light), await backgroundOf(dark)];
  const brightness = (colour) =>
    colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
  assert.ok(brightness(white) > 600 && brightness(black) < 150, `${white} and ${black}`);
  await light.theme.click();
  await until('dark', async () => (await backgroundOf(light)) === black);
  await light.reload();
  assert.equal(await backgroundOf(light), black);
  const landing = new LandingPage(light.page);
  await landing.open(world.server.origin);
  assert.equal(await backgroundOf(landing), black);
  await landing.theme.click();
  await until('light', async () => (await backgroundOf(landing)) === white);
  await landing.page.reload();
  assert.equal(await backgroundOf(landing), white);
});

story('the page follows a system that turns dark, and the first press of the switch turns it back', async (world) => {
  const view = await world.person('dusk', 'Anna', { colorScheme: 'light' });
  const white = await backgroundOf(view);
  const label = await view.theme.getAttribute('aria-label');
  await view.page.emulateMedia({ colorScheme: 'dark' });
  await until('another label', async () => (await view.theme.getAttribute('aria-label')) !== label);
  const black = await backgroundOf(view);
  assert.notEqual(black, white);
  await view.theme.click();
  await until('light', async () => (await backgroundOf(view)) === white);
  // The choice stays when the system changes.
  await view.page.emulateMedia({ colorScheme: 'light' });
  await view.page.emulateMedia({ colorScheme: 'dark' });
  assert.equal(await backgroundOf(view), white);
  assert.equal(await view.theme.getAttribute('aria-label'), label);
});

story('the bars of the browser have the colour of the page', async (world) => {
  const view = await world.person('bars', 'Anna', { colorScheme: 'dark' });
  const bar = () => view.page.evaluate(() => {
    const metas = [...document.querySelectorAll('meta[name=theme-color]')];
    const probe = document.createElement('i');
    probe.style.color = metas.find((meta) => matchMedia(meta.media).matches).content;
    document.body.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  });
  assert.equal(await bar(), await backgroundOf(view));
  await view.theme.click();
  await until('a light bar', async () => (await bar()) === (await backgroundOf(view)));
  await view.reload();
  assert.equal(await bar(), await backgroundOf(view));
});

story('a redrawn list leaves no observer behind', async (world) => {
  const page = await world.tab(await world.context(), 'Anna');
  await page.addInitScript(() => {
    const { observe, disconnect } = ResizeObserver.prototype;
    const [ever, active] = [new Set(), new Set()];
    window.observers = () => ({ ever: ever.size, active: active.size });
    ResizeObserver.prototype.observe = function (...args) {
      [ever, active].forEach((set) => set.add(this));
      return observe.apply(this, args);
    };
    ResizeObserver.prototype.disconnect = function () {
      active.delete(this);
      return disconnect.call(this);
    };
  });
  const view = new RoomPage(page);
  await view.open(world.server.origin, 'anew', 'Anna');
  const observers = () => page.evaluate(() => window.observers());
  await until('an observer of the list', async () => (await observers()).active > 0);
  const { active } = await observers();
  for (let time = 0; time < 4; time += 1) {
    const before = await observers();
    await view.language.click();
    await until('another observer', async () => (await observers()).ever > before.ever);
    await until(
      async () => `${active} active observers; there are ${JSON.stringify(await observers())}`,
      async () => (await observers()).active === active,
    );
  }
});
