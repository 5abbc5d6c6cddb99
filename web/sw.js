// Keeps the client for when there is no network: the page, and the files it names. What is said in
// rooms is never kept here, and WebSockets do not pass through.

// The build writes the digest of the page here. So a new client is a new file, which browsers
// notice by themselves, and each has a cache of its own.
const CACHE = "xmeet-VERSION";

/** How long a page that is asked for may take, in milliseconds, before the kept one is shown. */
const PATIENCE_MS = 4000;

/** Where the site begins, a slash at its end. */
const HOME = new URL("./", self.location).pathname;

/** A file with a digest in its name, which never changes; seen from there. */
const HASHED = /\/[\w-]+-[0-9a-f]{12,16}(_bg)?\.(js|css|wasm|svg)/g;

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(dropOthers()));
self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== self.location.origin || !pathname.startsWith(HOME)) return;
  const path = pathname.slice(HOME.length - 1);
  if (mode === "navigate") {
    if (path === "/" || path.startsWith("/room/")) event.respondWith(page(event.request));
  } else if (path.match(HASHED)?.[0] === path) {
    event.respondWith(file(event.request));
  }
});

/** The page and its files, all of one version. Most come out of the browser's own cache. */
async function keep() {
  const page = await fetch(HOME, { cache: "no-cache" });
  if (!page.ok) throw new Error(`the page came with ${page.status}`);
  const text = await page.text();
  const cache = await caches.open(CACHE);
  await cache.addAll(Array.from(new Set(text.match(HASHED)), (file) => HOME + file.slice(1)));
  // It names its files from where it stands, and is kept for every room as well. What says how it
  // was packed for the way does not hold for the text.
  const headers = new Headers(page.headers);
  for (const name of ["content-encoding", "content-length", "etag"]) headers.delete(name);
  await cache.put(HOME, new Response(text.replaceAll('"./', `"${HOME}`), { headers }));
  await self.skipWaiting();
}

async function dropOthers() {
  const isOld = (name) => name.startsWith("xmeet-") && name !== CACHE;
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

/** What is kept; all else from the network. */
async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}
