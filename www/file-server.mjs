// The static file server of the demo and the browser tests.
import { createServer, STATUS_CODES } from 'node:http';
import { basename, dirname } from 'node:path';
import send from 'send';

/**
 * @typedef {import('node:http').IncomingMessage} Request
 * @typedef {import('node:http').ServerResponse} Response
 */

/** How long a client may take to send the head of a request. */
const HEAD_TIMEOUT_MS = 30_000;

/**
 * Headers that protect a page, for every response. The pages have a policy in a `<meta>`, but `frame-ancestors` works
 * only in a header. web/docs recommends these headers to people who host a site.
 */
export const PROTECTION = {
  'Content-Security-Policy': "frame-ancestors 'self'",
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/** Headers of a cross-origin isolated page, which may share memory between threads. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Listens on 127.0.0.1.
 *
 * @param {(request: Request, response: Response) => void} handler
 * @param {number} port 0 lets the system choose one
 * @returns {Promise<{ origin: string, close: () => Promise<void> }>}
 */
export async function listen(handler, port) {
  const server = createServer({ headersTimeout: HEAD_TIMEOUT_MS }, handler);
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(undefined));
  });
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${address.port}`,
    close: () => {
      const closed = new Promise((resolve) => server.close(() => resolve(undefined)));
      server.closeAllConnections();
      return /** @type {Promise<void>} */ (closed);
    },
  };
}

/**
 * Answers GET and HEAD with files. `send` implements types, ETag, conditions and ranges, and rejects paths that leave a
 * folder.
 *
 * @param {object} site
 * @param {Record<string, string>} site.mounts URL path -> folder (a path that ends in a slash) or file; the longest
 *   path wins
 * @param {Record<string, string>} site.headers headers of every response
 * @returns {(request: Request, response: Response, limits?: { bytes?: number, ranges?: boolean }) => void}
 *   `bytes`: serve the file as if it ended there; `ranges`: whether to serve parts of it (default true)
 */
export function fileHandler({ mounts, headers }) {
  return (request, response, { bytes, ranges = true } = {}) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refuse(response, 405);
    }
    const path = pathOf(request);
    const place = path === undefined ? undefined : locate(mounts, path);
    if (!place) return refuse(response, 404);
    send(request, place.path.split('/').map(encodeURIComponent).join('/'), {
      root: place.root,
      acceptRanges: ranges,
      // The ETag is more precise: a file that is built twice within a second has two.
      lastModified: false,
      cacheControl: false,
      ...(bytes === undefined ? {} : { end: bytes - 1 }),
    })
      .on('file', (/** @type {string} */ _, /** @type {import('node:fs').Stats} */ file) => {
        // The browser must revalidate, since pages are rebuilt under the same names.
        response.setHeader('Cache-Control', 'no-cache');
        // Strong, since If-Range ignores a weak one; send's own is weak.
        response.setHeader('ETag', `"${file.size.toString(16)}-${file.mtimeMs.toString(16)}"`);
        correctRange(request, Math.min(file.size, bytes ?? Infinity));
      })
      .on('directory', () => refuse(response, 404))
      .on('error', (/** @type {{ status: number }} */ { status }) => {
        // The connection is broken, so that a part is not mistaken for the whole.
        if (response.headersSent) response.destroy();
        // A path outside the folders is reported as not found, whatever is wrong with it.
        else refuse(response, status === 412 || status === 416 || status >= 500 ? status : 404);
      })
      .pipe(response);
  };
}

/**
 * Answers without a file.
 *
 * @param {Response} response
 * @param {number} status
 */
function refuse(response, status) {
  const text = status === 416 ? '' : `${STATUS_CODES[status]}\n`;
  response.removeHeader('ETag');
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', text.length);
  response.end(text);
}

/**
 * The decoded path of a request; undefined if it is invalid.
 *
 * @param {Request} request
 */
export function pathOf({ url = '' }) {
  try {
    const path = decodeURIComponent(/^[^?#]*/.exec(url)?.[0] ?? '');
    return path.startsWith('/') ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {Record<string, string>} mounts
 * @param {string} path
 */
function locate(mounts, path) {
  const prefixes = Object.keys(mounts).filter((mount) =>
    mount.endsWith('/') ? path.startsWith(mount) : path === mount,
  );
  const prefix = prefixes.sort((a, b) => b.length - a.length)[0];
  const target = prefix === undefined ? undefined : mounts[prefix];
  if (prefix === undefined || target === undefined) return undefined;
  if (!prefix.endsWith('/')) return { root: dirname(target), path: `/${basename(target)}` };
  return { root: target, path: `/${path.slice(prefix.length)}` };
}

/**
 * RFC 9110, section 14.1.2: a range that ends before it begins is ignored, and a suffix that is longer than the file
 * selects the whole file. `send` would answer both with 416.
 *
 * @param {Request} request
 * @param {number} bytes
 */
function correctRange({ headers }, bytes) {
  const [, first, last] = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(headers.range ?? '') ?? [];
  if (first === undefined || !last) return;
  if (first === '' && Number(last) > bytes && bytes > 0) headers.range = 'bytes=0-';
  if (first !== '' && Number(first) > Number(last)) delete headers.range;
}
