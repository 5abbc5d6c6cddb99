// Keeps the client for when there is no network: the page, and the files it names. What is said in
// rooms is never kept here, and WebSockets do not pass through. Shows notifications where only a
// worker can.

// The build writes the digest of the page here. So a new client is a new file, which browsers
// notice by themselves, and each has a cache of its own.
const VERSION = "xmeet-VERSION";

/** Where the site begins, a slash at its end. */
const HOME = new URL("./", self.location).pathname;

/** What this site's caches begin with: another site on the same origin has its own. */
const PREFIX = `xmeet:${HOME.replaceAll(":", "%3A")}:`;
const CACHE = PREFIX + VERSION;

/** How long a page that is asked for may take, in milliseconds, before the kept one is shown. */
const PATIENCE_MS = 4000;

/** A file with a digest in its name, which never changes; seen from there. */
const HASHED = /\/[\w-]+-[0-9a-f]{12,16}(_bg)?\.(js|css|wasm|svg)/g;

/** What the client's own page names, and a sign-in page or a hotel's network does not. */
const PROGRAM = /\/xmeet-web-[0-9a-f]{12,16}_bg\.wasm/;

/** What tells the client that it was started from the kept page. */
const KEPT = "<html data-kept";

self.addEventListener("install", (event) => event.waitUntil(keep().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(dropOthers()));
self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin || !pathname.startsWith(HOME)) return;
  const path = pathname.slice(HOME.length - 1);
  if (mode === "navigate") {
    if (path !== "/" && !path.startsWith("/room/")) return;
    const answer = page(event.request);
    event.respondWith(answer);
    event.waitUntil(answer.then(repair).catch(() => {}));
  } else if (path.match(HASHED)?.[0] === path) {
    event.respondWith(file(event.request));
  }
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { origin, pathname, href } = new URL(event.notification.data ?? HOME, self.location);
  const isOfThisSite = origin === self.location.origin && pathname.startsWith(HOME);
  event.waitUntil(show(isOfThisSite ? href : new URL(HOME, self.location).href));
});

const filesOf = (text) => Array.from(new Set(text.match(HASHED)), (name) => HOME + name.slice(1));

/** The page and its files, all of one version. Most come out of the browser's own cache. */
async function keep() {
  const page = await fetch(HOME, { cache: "no-cache" });
  if (!page.ok) throw new Error(`the page came with ${page.status}`);
  const text = await page.text();
  if (page.redirected || !PROGRAM.test(text)) throw new Error("the page is not the client's");
  const cache = await caches.open(CACHE);
  await cache.addAll(filesOf(text));
  // It names its files from where it stands, and is kept for every room as well. What says how it
  // was packed for the way does not hold for the text.
  const headers = new Headers(page.headers);
  for (const name of ["content-encoding", "content-length", "etag"]) headers.delete(name);
  const kept = text.replaceAll('"./', `"${HOME}`).replace("<html", KEPT);
  await cache.put(HOME, new Response(kept, { headers }));
}

/** Keeps the page anew where the browser has thrown away a part of it. */
async function repair() {
  const cache = await caches.open(CACHE);
  const page = await cache.match(HOME);
  const files = page ? filesOf(await page.text()) : [];
  const found = await Promise.all(files.map((name) => cache.match(name)));
  if (!page || found.some((file) => !file)) await keep();
}

async function dropOthers() {
  // Those of older clients named no site; at the top of an origin they are this site's.
  const isOlder = (name) => HOME === "/" && /^xmeet-[0-9a-f]+$/.test(name);
  const isOld = (name) => (name.startsWith(PREFIX) && name !== CACHE) || isOlder(name);
  const names = await caches.keys();
  await Promise.all(names.filter(isOld).map((name) => caches.delete(name)));
}

/** From the network; the kept page, which is the same for every room, where that does not answer. */
async function page(request) {
  const kept = await caches.match(HOME, { cacheName: CACHE });
  if (!kept) return fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  const served = fetch(request).then(
    // A proxy answers for a server that is not there with 502 to 504.
    (served) => (served.status > 501 ? kept : served),
    () => kept,
  );
  return Promise.race([served, late]);
}

/** What this site keeps; all else from the network. */
async function file(request) {
  return (await caches.match(request, { cacheName: CACHE })) ?? fetch(request);
}

/** Brings the tab of a room to the front, or opens one. */
async function show(url) {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const tab = tabs.find((tab) => tab.url.split(/[?#]/)[0] === url);
  await (tab ? tab.focus() : self.clients.openWindow(url));
}
