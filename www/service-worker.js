// The site without a network: its files, kept at the first visit. Models are the package's matter, which stores them itself.
// The build puts two lines in front: FILES, the site's files from its folder on, and VERSION, a hash of them.

/** One for each folder and version: several copies of the site may share an origin. */
const OURS = `linnet-site ${self.registration.scope} `;
const CACHE = OURS + VERSION;

/** How the file's name begins that belongs to a module of the engine. A browser uses one of the four: only that one is kept. */
const MODULES = {
  simd128: 'linnet_bg-',
  'simd128-threads': 'linnet_threads_bg-',
  'relaxed-simd': 'linnet_relaxed_bg-',
  'relaxed-simd-threads': 'linnet_relaxed_threads_bg-',
};

const addressOf = (file) => new URL(file, self.registration.scope).href;
const addresses = new Set(FILES.map(addressOf));

self.addEventListener('install', (event) => {
  const files = FILES.filter((file) => !file.endsWith('.wasm'));
  event.waitUntil(Promise.all(files.map((file) => keep(addressOf(file), new Request(addressOf(file), { cache: 'no-cache' })))));
});

self.addEventListener('activate', (event) => event.waitUntil(takeOver()));

/** Pages that are open keep the files of their version: this comes when the last of them is gone. */
async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** A page says which module of the engine it uses. */
self.addEventListener('message', (event) => {
  const begin = Object.hasOwn(MODULES, event.data?.module) ? MODULES[event.data.module] : undefined;
  const file = begin && FILES.find((file) => file.split('/').at(-1).startsWith(begin));
  if (file) event.waitUntil(kept(addressOf(file)));
});

self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const address = url.split(/[?#]/)[0];
  // Some hosts leave out the ending of a page's name.
  const file = address === self.registration.scope ? addressOf('index.html') : addresses.has(`${address}.html`) ? `${address}.html` : address;
  if (method !== 'GET' || !addresses.has(file)) return;
  // A page may have a newer version; the other files' names change with what is in them.
  if (mode === 'navigate') event.respondWith(fetch(event.request).catch(() => kept(file)));
  else event.respondWith(kept(file, event.request));
});

/** The file from the cache; what is not there is fetched, and is there from then on. */
async function kept(address, request = new Request(address)) {
  const found = await (await caches.open(CACHE)).match(address);
  return found ?? keep(address, request).catch(() => fetch(request));
}

/** Fetches a file and keeps it. Rejects if that is not possible: a site of which a part is missing is not kept. */
async function keep(address, request) {
  const cache = await caches.open(CACHE);
  const answer = await fetch(request);
  if (answer.status !== 200) throw new Error(`${address}: ${answer.status}`);
  // An answer that came by a redirection must not be given for a page.
  const plain = answer.redirected ? new Response(answer.body, { headers: answer.headers }) : answer;
  await cache.put(address, plain.clone());
  return plain;
}
