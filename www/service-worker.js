// The site without a network: its files, kept at the first visit. Models are the package's matter, which stores them
// itself. The build puts lines in front: FILES, the site's files with their SHA-256; VERSION, a hash of them; and
// ISOLATE, the switch for hosts on which no headers can be set. With `true` the answers get here what makes pages
// cross-origin isolated, without which the engine has one thread. The page that brought the worker has come without it,
// and is loaded once more: see src/offline.ts.

/** One for each folder and version: several copies of the site may share an origin. */
const OURS = `linnet-site ${self.registration.scope} `;
const CACHE = OURS + VERSION;

/**
 * How the file's name begins that belongs to a module of the engine. A browser uses one of the four: only that one is
 * kept.
 */
const MODULES = {
  simd128: 'linnet_bg-',
  'simd128-threads': 'linnet_threads_bg-',
  'relaxed-simd': 'linnet_relaxed_bg-',
  'relaxed-simd-threads': 'linnet_relaxed_threads_bg-',
};

/** Both are asked of a page, and of the scripts of its workers. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const addressOf = (file) => new URL(file, self.registration.scope).href;
/** The SHA-256 of each file, by its address. */
const hashes = new Map(Object.entries(FILES).map(([file, hash]) => [addressOf(file), hash]));

self.addEventListener('install', (event) => event.waitUntil(install().catch(sayWhy)));

/** The guides: who comes to chat needs none of them, so that each is kept when it is read. */
const isGuide = (file) => file.startsWith('docs/');

/**
 * Keeps all files but the modules and the guides. One that is not the file of this version ends it: the browser tries
 * again at the next visit, and needs to fetch only what was not right. Nothing is served from this cache before all of
 * it is there.
 */
async function install() {
  const cache = await caches.open(CACHE);
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  const missing = Object.keys(FILES)
    .filter((file) => !file.endsWith('.wasm') && !isGuide(file))
    .map(addressOf)
    .filter((address) => !kept.has(address));
  const wrong = [];
  await Promise.all(
    missing.map(async (address) => {
      let { answer, isRight } = await fetchFile(address, new Request(address, { cache: 'no-cache' }));
      // The browser's cache may have a damaged copy, and a server confirms it by its ETag.
      if (!isRight) ({ answer, isRight } = await fetchFile(address, new Request(address, { cache: 'reload' })));
      if (isRight) await cache.put(address, answer);
      else wrong.push(`${address} (${answer.status})`);
    }),
  );
  if (wrong.length > 0) throw new Error(`These files on the server are not those of this version: ${wrong.join(', ')}`);
}

/** Tells the site's pages why it is not kept, and ends the installation: browsers say nothing of it to a page. */
async function sayWhy(error) {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const page of pages) page.postMessage({ notKept: String(error?.message ?? error) });
  throw error;
}

self.addEventListener('activate', (event) => event.waitUntil(takeOver()));

/**
 * Pages that are open keep the files of their version: this comes when the last of them is gone. The first visit's page
 * is not claimed: Firefox would wait with it for the engine's threads, which never pause to hear of it, and the model's
 * fetches for that.
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
  const file = begin && Object.keys(FILES).find((file) => file.split('/').at(-1).startsWith(begin));
  if (file) event.waitUntil(kept(addressOf(file)));
});

self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const address = url.split(/[?#]/)[0];
  // Some hosts leave out the ending of a page's name.
  const file = address.endsWith('/')
    ? `${address}index.html`
    : hashes.has(`${address}.html`)
      ? `${address}.html`
      : address;
  if (method !== 'GET' || !hashes.has(file)) return;
  // A page may have a newer version; the other files' names change with what is in them.
  const answer = mode === 'navigate' ? fetch(event.request).catch(() => kept(file)) : kept(file, event.request);
  if (isGuide(file.slice(self.registration.scope.length))) event.waitUntil(answer.then(() => kept(file)));
  event.respondWith(ISOLATE ? answer.then(isolated) : answer);
});

/** The same answer with the headers. A redirection is for the browser, which asks again where it leads. */
function isolated(answer) {
  if (answer.type === 'opaqueredirect' || answer.type === 'error') return answer;
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

/**
 * The file from the cache; what is not there is fetched, and is there from then on if it is the file of this version.
 */
async function kept(address, request = new Request(address)) {
  const cache = await caches.open(CACHE).catch(() => undefined);
  const found = await cache?.match(address);
  if (found) return found;
  const { answer, isRight } = await fetchFile(address, request);
  // A browser without room keeps nothing, and shows it all the same.
  if (isRight) await cache?.put(address, answer.clone()).catch(() => {});
  return answer;
}

/**
 * Fetches a file, and says whether it is the file of this version. A status of 200 says little: some hosts give a page
 * of their own for a file that is missing, and the sign-in page of a hotel's network answers every address.
 */
async function fetchFile(address, request) {
  const answer = await fetch(request);
  const isRight = answer.status === 200 && (await sha256(answer.clone())) === hashes.get(address);
  // An answer that came by a redirection must not be given for a page.
  return {
    answer: isRight && answer.redirected ? new Response(answer.body, { headers: answer.headers }) : answer,
    isRight,
  };
}

async function sha256(answer) {
  const digest = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
