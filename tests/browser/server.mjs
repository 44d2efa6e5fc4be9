// The tests' own static server: it serves what was built, with the headers a test wants, and misbehaves on demand.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/**
 * @typedef {object} Fault How to answer one path wrongly.
 * @property {number} [status] this status and no file
 * @property {string} [page] 200 and this text as a page in the place of the file, as some hosts and sign-in pages answer
 * @property {Record<string, string>} [headers] more headers
 * @property {boolean} [gzip] what is asked for comes with a content coding, also where it is a stretch of the file
 * @property {number} [breakAt] the connection breaks when this much of the file (counted from its beginning) has gone out
 * @property {number} [truncateTo] the file is this long and no longer
 * @property {number} [flipAt] the byte there is another one
 * @property {number} [overstate] Content-Length says so many bytes too many
 * @property {boolean} [noRange] Range is ignored
 * @property {string} [method] it happens to requests of this method alone
 * @property {number} [times] it happens so often; then the path is well again
 * @property {number} [bytesPerSecond] no faster than this
 */

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @param {object} options
 * @param {Record<string, string | Buffer>} options.mounts URL path -> folder (a path that ends in a slash), file, or content
 * @param {boolean} [options.isolated] whether to send COOP and COEP
 * @param {string} [options.csp] a Content-Security-Policy for everything
 * @param {'files' | 'ranges'} [options.cors] lets pages of other sites read the files, or also what their Content-Range says
 */
export async function serve({ mounts, isolated = true, csp, cors }) {
  /** @type {{ method: string, path: string, range?: string, status: number }[]} */
  const requests = [];
  /** @type {Map<string, Fault>} */
  const faults = new Map();
  /** @type {Record<string, string>} */
  const headers = { 'Cache-Control': 'no-cache' };
  if (isolated) {
    headers['Cross-Origin-Opener-Policy'] = 'same-origin';
    headers['Cross-Origin-Embedder-Policy'] = 'require-corp';
  }
  if (csp) headers['Content-Security-Policy'] = csp;
  if (cors) headers['Access-Control-Allow-Origin'] = '*';
  if (cors === 'ranges') headers['Access-Control-Expose-Headers'] = 'Content-Range, ETag';

  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const entry = { method: request.method ?? '', path, range: request.headers.range, status: 200 };
    requests.push(entry);
    const answer = (status, extra = {}) => {
      entry.status = status;
      response.writeHead(status, { ...headers, ...extra });
    };
    const found = faults.get(path);
    let fault = found?.method && found.method !== request.method ? undefined : found;
    const happened = () => {
      if (fault?.times !== undefined && --fault.times <= 0) faults.delete(path);
    };
    if (fault?.status) return happened(), answer(fault.status, fault.headers), response.end();

    if (fault?.page) return happened(), answer(200, { 'Content-Type': 'text/html' }), response.end(fault.page);

    const file = await locate(mounts, path);
    // Another request may have been the last that it happens to.
    if (fault && !faults.has(path)) fault = undefined;
    if (!file) return answer(404, { 'Content-Type': 'text/plain' }), response.end('not found');
    const size = Math.min(file.size, fault?.truncateTo ?? Infinity);
    const common = { 'Content-Type': TYPES[extname(file.name)] ?? 'application/octet-stream', ETag: file.etag };
    const range = fault?.noRange ? null : rangeOf(request, size, file.etag);
    if (range === 'unsatisfiable') return answer(416, { 'Content-Range': `bytes */${size}` }), response.end();
    const [start, end] = range ?? [0, size];
    const lengths = { 'Content-Length': String(end - start + (fault?.overstate ?? 0)), ...(fault?.noRange ? {} : { 'Accept-Ranges': 'bytes' }) };
    const place = range ? { 'Content-Range': `bytes ${start}-${end - 1}/${size}` } : {};
    if (fault?.gzip) {
      happened();
      answer(range ? 206 : 200, { ...common, ...place, 'Content-Encoding': 'gzip' });
      const parts = [];
      for await (const part of file.read(start, end)) parts.push(part);
      return response.end(gzipSync(Buffer.concat(parts)));
    }
    answer(range ? 206 : 200, { ...common, ...lengths, ...place, ...fault?.headers });
    if (request.method === 'HEAD' || end === start) return response.end();

    const stop = Math.min(end, fault?.breakAt ?? Infinity);
    const flips = fault?.flipAt !== undefined && fault.flipAt >= start && fault.flipAt < end;
    if (fault && (stop < end || flips || (fault.breakAt === undefined && fault.flipAt === undefined))) happened();
    let at = start;
    try {
      for await (const chunk of file.read(start, Math.max(stop, start))) {
        if (response.destroyed) return;
        const flip = (fault?.flipAt ?? -1) - at;
        // A copy, for it may be a test's own.
        const sent = flip >= 0 && flip < chunk.length ? Buffer.from(chunk) : chunk;
        if (sent !== chunk) sent[flip] ^= 1;
        at += chunk.length;
        if (!response.write(sent)) await drained(response);
        const speed = fault?.bytesPerSecond;
        if (speed) await new Promise((resolve) => setTimeout(resolve, (1000 * chunk.length) / speed));
      }
    } catch {
      response.destroy();
    }
    if (stop < end || fault?.overstate) setTimeout(() => request.socket.destroy(), 50);
    else response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    faults,
    /** How often files with that ending were asked for since the last `requests.length = 0`. */
    count: (/** @type {string} */ ending) => requests.filter(({ path }) => path.endsWith(ending)).length,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Resolves when the client has taken what was written, or is gone. */
function drained(response) {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve(undefined);
    };
    response.on('drain', done).on('close', done);
  });
}

async function locate(mounts, path) {
  const prefix = Object.keys(mounts)
    .filter((mount) => (mount.endsWith('/') ? path.startsWith(mount) : path === mount))
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return undefined;
  const mount = mounts[prefix];
  if (typeof mount !== 'string') {
    const read = (start, end) => Readable.from(end > start ? [mount.subarray(start, end)] : []);
    return { name: path, size: mount.length, etag: `"${prefix.length}-${mount.length}"`, read };
  }
  let name = prefix.endsWith('/') ? join(mount, normalize(`/${path.slice(prefix.length)}`)) : mount;
  if (path.endsWith('/')) name = join(name, 'index.html');
  const info = await stat(name).catch(() => undefined);
  if (!info?.isFile()) return undefined;
  const read = (start, end) => (end > start ? createReadStream(name, { start, end: end - 1 }) : Readable.from([]));
  return { name, size: info.size, etag: `"${info.size.toString(16)}-${info.mtimeMs.toString(16)}"`, read };
}

/** @returns {[number, number] | 'unsatisfiable' | null} */
function rangeOf(request, size, etag) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  if (!match || (condition && condition !== etag)) return null;
  const start = Number(match[1]);
  const end = match[2] ? Math.min(Number(match[2]) + 1, size) : size;
  return start < end ? [start, end] : 'unsatisfiable';
}
