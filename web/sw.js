// Keeps the client for visits without a network: the page, and the files that it names. It keeps no
// messages, and WebSockets do not pass through it. Shows notifications where only a worker can.

// The build replaces this by the digest of the page. So each client has its own worker file, which
// browsers notice by themselves, and its own cache.
const VERSION = "xmeet-VERSION";

/** The path of the site, with a slash at its end. */
const HOME = new URL("./", self.location).pathname;

/** The prefix of this site's caches. Another site on the same origin has its own. */
const PREFIX = `xmeet:${HOME.replaceAll(":", "%3A")}:`;
const CACHE = PREFIX + VERSION;

/** How long the server may take for the page, in milliseconds, before the kept one is shown. */
const PATIENCE_MS = 4000;

/** A file with a digest in its name, which never changes. The path is relative to the site. */
const HASHED = /\/[\w-]+-[0-9a-f]{12,16}(_bg)?\.(js|css|wasm|svg)/g;

/** A file that the client's page names, and the sign-in page of a proxy or a hotel does not. */
const PROGRAM = /\/xmeet-web-[0-9a-f]{12,16}_bg\.wasm/;

/** The mark of the kept page, by which the client knows it. */
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

/** Stores the page and its files, all of one version. Most come from the browser's own cache. */
async function keep() {
  const page = await fetch(HOME, { cache: "no-cache" });
  if (!page.ok) throw new Error(`the page came with ${page.status}`);
  const text = await page.text();
  if (page.redirected || !PROGRAM.test(text)) throw new Error("the page is not the client's");
  const cache = await caches.open(CACHE);
  await cache.addAll(filesOf(text));
  // The page names its files relative to its address, and the kept page serves every room. The
  // headers about the compression do not apply to the text.
  const headers = new Headers(page.headers);
  for (const name of ["content-encoding", "content-length", "etag"]) headers.delete(name);
  const kept = text.replaceAll('"./', `"${HOME}`).replace("<html", KEPT);
  await cache.put(HOME, new Response(kept, { headers }));
}

/** Stores the page again if the browser has evicted a part of it. */
async function repair() {
  const cache = await caches.open(CACHE);
  const page = await cache.match(HOME);
  const files = page ? filesOf(await page.text()) : [];
  const found = await Promise.all(files.map((name) => cache.match(name)));
  if (!page || found.some((file) => !file)) await keep();
}

async function dropOthers() {
  // The caches of older clients had no site in their names. At the top of an origin they are this
  // site's.
  const isOlder = (name) => HOME === "/" && /^xmeet-[0-9a-f]+$/.test(name);
  const isOld = (name) => (name.startsWith(PREFIX) && name !== CACHE) || isOlder(name);
  const names = await caches.keys();
  await Promise.all(names.filter(isOld).map((name) => caches.delete(name)));
}

/** Returns the page from the network, or the kept page if the server does not respond. */
async function page(request) {
  const kept = await caches.match(HOME, { cacheName: CACHE });
  if (!kept) return fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  const served = fetch(request).then(
    // A proxy responds with 502 to 504 for a server that is down.
    (served) => (served.status > 501 ? kept : served),
    () => kept,
  );
  return Promise.race([served, late]);
}

/** Returns a file from this site's cache, or else from the network. */
async function file(request) {
  return (await caches.match(request, { cacheName: CACHE })) ?? fetch(request);
}

/** Brings the tab of a room to the front, or opens one. */
async function show(url) {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const tab = tabs.find((tab) => tab.url.split(/[?#]/)[0] === url);
  await (tab ? tab.focus() : self.clients.openWindow(url));
}
