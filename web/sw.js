// Keeps the client for when there is no network: the page, and the files it names. What is said in
// rooms is never kept here, and WebSockets do not pass through.

// The build writes the digest of the page here. So a new client is a new file, which browsers
// notice by themselves, and each has a cache of its own.
const CACHE = "xmeet-VERSION";

/** How long a page that is asked for may take, in milliseconds, before the kept one is shown. */
const PATIENCE_MS = 4000;

/** A file with a digest in its name, which never changes. */
const HASHED = /\/[\w-]+-[0-9a-f]{12,16}(_bg)?\.(js|css|wasm|svg)/g;

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(dropOthers()));
self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin) return;
  if (mode === "navigate") {
    if (pathname === "/" || pathname.startsWith("/room/")) event.respondWith(page(event.request));
  } else if (pathname.match(HASHED)?.[0] === pathname) {
    event.respondWith(file(event.request));
  }
});

/** The page and its files, all of one version. Most come out of the browser's own cache. */
async function keep() {
  const page = await fetch("/", { cache: "no-cache" });
  if (!page.ok) throw new Error(`the page came with ${page.status}`);
  const files = new Set((await page.clone().text()).match(HASHED));
  const cache = await caches.open(CACHE);
  await cache.addAll([...files]);
  await cache.put("/", page);
  await self.skipWaiting();
}

async function dropOthers() {
  const isOld = (name) => name.startsWith("xmeet-") && name !== CACHE;
  const names = await caches.keys();
  await Promise.all(names.filter(isOld).map((name) => caches.delete(name)));
}

/** From the network; the kept page, which is the same for every room, where that does not answer. */
async function page(request) {
  const kept = await caches.match("/", { cacheName: CACHE });
  if (!kept) return fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  const served = fetch(request).then(
    // A proxy answers for a server that is not there with 502 to 504.
    (served) => (served.status > 501 ? kept : served),
    () => kept,
  );
  return Promise.race([served, late]);
}

/** What is kept; all else from the network. */
async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}
