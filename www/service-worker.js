// The site without a network: its files, kept at the first visit. Models are the package's matter, which stores them itself.
// The build puts lines in front: FILES, the site's files from its folder on; VERSION, a hash of them; and ISOLATE, the switch for hosts
// on which no headers can be set. With `true` the answers get here what makes pages cross-origin isolated, without which the engine has
// one thread. The page that brought the worker has come without it, and is loaded once more: see src/offline.ts.

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

/** Both are asked of a page, and of the scripts of its workers. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const addressOf = (file) => new URL(file, self.registration.scope).href;
const addresses = new Set(FILES.map(addressOf));

self.addEventListener('install', (event) => {
  const files = FILES.filter((file) => !file.endsWith('.wasm'));
  event.waitUntil(Promise.all(files.map((file) => keep(addressOf(file), new Request(addressOf(file), { cache: 'no-cache' })))));
});

self.addEventListener('activate', (event) => event.waitUntil(takeOver()));

/**
 * Pages that are open keep the files of their version: this comes when the last of them is gone. The first visit's page is not
 * claimed: Firefox would wait with it for the engine's threads, which never pause to hear of it, and the model's fetches for that.
 */
async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== CACHE).map((name) => caches.delete(name)));
  if (!ISOLATE) return;
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const page of pages) if (page.url.startsWith(self.registration.scope)) page.postMessage('isolates');
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
  const answer = mode === 'navigate' ? fetch(event.request).catch(() => kept(file)) : kept(file, event.request);
  event.respondWith(ISOLATE ? answer.then(isolated) : answer);
});

/** The same answer with the headers. A redirection is for the browser, which asks again where it leads. */
function isolated(answer) {
  if (answer.type === 'opaqueredirect' || answer.type === 'error') return answer;
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

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
