// Makes the site work offline: its files are cached at the first visit. The package itself stores models. The build
// prepends FILES, the site's files with their SHA-256; VERSION, a hash of them; and ISOLATE, a switch for hosts that
// cannot set headers. With `true`, responses get the headers that make pages cross-origin isolated, without which the
// engine has one thread. The page that installed the worker was loaded without them, and reloads once: see
// src/offline.ts.

/** One cache per folder and version, since several copies of the site may share an origin. */
const OURS = `linnet-site ${self.registration.scope} `;
const CACHE = OURS + VERSION;

/**
 * The prefixes of the engine's modules. A browser uses one of the four, and only that one is cached. The module for
 * answers of a given form is cached when it is fetched.
 */
const MODULES = {
  simd128: 'linnet_bg-',
  'simd128-threads': 'linnet_threads_bg-',
  'relaxed-simd': 'linnet_relaxed_bg-',
  'relaxed-simd-threads': 'linnet_relaxed_threads_bg-',
};

/** Required for a page and for the scripts of its workers. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const addressOf = (file) => new URL(file, self.registration.scope).href;
/** The SHA-256 of each file, by its address. */
const hashes = new Map(Object.entries(FILES).map(([file, hash]) => [addressOf(file), hash]));

self.addEventListener('install', (event) => event.waitUntil(install().catch(sayWhy)));

/** The guides. The chat does not need them, so each is cached when it is read. */
const isGuide = (file) => file.startsWith('docs/');

/**
 * Caches all files except the modules and the guides. A file of another version fails the installation: the browser
 * tries again at the next visit, and fetches only the wrong files. This cache is not used until it is complete.
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
      // The browser's cache may have a damaged copy, which the server would confirm by its ETag.
      if (!isRight) ({ answer, isRight } = await fetchFile(address, new Request(address, { cache: 'reload' })));
      if (isRight) await cache.put(address, answer);
      else wrong.push(`${address} (${answer.status})`);
    }),
  );
  if (wrong.length > 0) throw new Error(`These files on the server are not those of this version: ${wrong.join(', ')}`);
}

/** Tells the site's pages why the installation failed, since browsers do not, and ends it. */
async function sayWhy(error) {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const page of pages) page.postMessage({ notKept: String(error?.message ?? error) });
  throw error;
}

self.addEventListener('activate', (event) => event.waitUntil(takeOver()));

/**
 * Open pages keep the files of their version: this runs when the last of them is closed. The page of the first visit is
 * not claimed. In Firefox that would wait for the engine's threads, which never pause, and block the model's download.
 */
async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== CACHE).map((name) => caches.delete(name)));
  if (!ISOLATE) return;
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const page of pages) if (page.url.startsWith(self.registration.scope)) page.postMessage('isolates');
}

/** A page reports which module of the engine it uses. */
self.addEventListener('message', (event) => {
  const begin = Object.hasOwn(MODULES, event.data?.module) ? MODULES[event.data.module] : undefined;
  const file = begin && Object.keys(FILES).find((file) => file.split('/').at(-1).startsWith(begin));
  if (file) event.waitUntil(kept(addressOf(file)));
});

self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const address = url.split(/[?#]/)[0];
  // Some hosts omit the extension of a page's name.
  const file = address.endsWith('/')
    ? `${address}index.html`
    : hashes.has(`${address}.html`)
      ? `${address}.html`
      : address;
  if (method !== 'GET' || !hashes.has(file)) return;
  // A page may have a newer version; the names of the other files change with their content.
  const answer = mode === 'navigate' ? fetch(event.request).catch(() => kept(file)) : kept(file, event.request);
  if (isGuide(file.slice(self.registration.scope.length))) event.waitUntil(answer.then(() => kept(file)));
  event.respondWith(ISOLATE ? answer.then(isolated) : answer);
});

/** The same response with the headers. A redirect is left to the browser, which requests its target. */
function isolated(answer) {
  if (answer.type === 'opaqueredirect' || answer.type === 'error') return answer;
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}

/**
 * The file from the cache. A missing file is fetched, and cached if it is the file of this version.
 */
async function kept(address, request = new Request(address)) {
  const cache = await caches.open(CACHE).catch(() => undefined);
  const found = await cache?.match(address);
  if (found) return found;
  const { answer, isRight } = await fetchFile(address, request);
  // A browser without space caches nothing, but still shows the file.
  if (isRight) await cache?.put(address, answer.clone()).catch(() => {});
  return answer;
}

/**
 * Fetches a file, and tells whether it is the file of this version. A status of 200 is not enough: some hosts send a
 * page for a missing file, and the sign-in page of a hotel's network answers every address.
 */
async function fetchFile(address, request) {
  const answer = await fetch(request);
  const isRight = answer.status === 200 && (await sha256(answer.clone())) === hashes.get(address);
  // A redirected response must not be used for a page.
  return {
    answer: isRight && answer.redirected ? new Response(answer.body, { headers: answer.headers }) : answer,
    isRight,
  };
}

async function sha256(answer) {
  const digest = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
