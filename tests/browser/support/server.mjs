// The tests' server: the demo's file server with headers of a test's choice, and with faults on demand.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fileHandler, ISOLATION, listen, pathOf } from '../../../www/file-server.mjs';

/**
 * @typedef {object} Fault A wrong response for one path.
 * @property {number} [status] this status without a file
 * @property {string} [page] status 200 and this page instead of the file, like some hosts and sign-in pages
 * @property {Record<string, string>} [headers] more headers
 * @property {boolean} [gzip] the response has a content coding, even for a range of the file
 * @property {number} [breakAt] the connection breaks when the response has reached this byte of the file
 * @property {number} [truncateTo] the file is only this long
 * @property {number} [flipAt] this byte of the file is wrong
 * @property {number} [overstate] Content-Length is this many bytes too large
 * @property {boolean} [noRange] Range is ignored
 * @property {string} [method] only requests of this method fail
 * @property {number} [times] how often the fault happens; then the path works again
 * @property {number} [bytesPerSecond] the maximum speed
 */

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @param {object} options
 * @param {Record<string, string | Buffer>} options.mounts URL path -> folder (a path that ends in a slash), file, or
 *   content
 * @param {boolean} [options.isolated] whether to send COOP and COEP
 * @param {string} [options.csp] a Content-Security-Policy for everything
 * @param {'files' | 'ranges'} [options.cors] lets pages of other sites read the files, or also their Content-Range
 */
export async function serve({ mounts, isolated = true, csp, cors }) {
  /** @type {{ method: string, path: string, range?: string, status: number }[]} */
  const requests = [];
  /** @type {Map<string, Fault>} */
  const faults = new Map();
  /** @type {Record<string, string>} */
  const headers = isolated ? { ...ISOLATION } : {};
  if (csp) headers['Content-Security-Policy'] = csp;
  if (cors) headers['Access-Control-Allow-Origin'] = '*';
  if (cors === 'ranges') headers['Access-Control-Expose-Headers'] = 'Content-Range, ETag';
  const content = new Contents();
  const files = Object.entries(mounts).map(([path, mount]) => [
    path,
    typeof mount === 'string' ? mount : content.file(path, mount),
  ]);
  const handler = fileHandler({ mounts: Object.fromEntries(files), headers });

  const { origin, close } = await listen((request, response) => {
    const path = pathOf(request) ?? '';
    const entry = { method: request.method ?? '', path, range: request.headers.range, status: 200 };
    requests.push(entry);
    const { writeHead } = response;
    /** @param {any[]} rest */
    response.writeHead = (status, ...rest) => {
      entry.status = status;
      return writeHead.call(response, status, ...rest);
    };
    const fault = faults.get(path);
    if (!fault || (fault.method && fault.method !== request.method)) return handler(request, response);
    const happened = () => {
      if (fault.times !== undefined && --fault.times <= 0) faults.delete(path);
    };
    if (fault.status || fault.page !== undefined) {
      happened();
      const type = fault.page === undefined ? {} : { 'Content-Type': 'text/html' };
      response.writeHead(fault.status ?? 200, { ...headers, 'Cache-Control': 'no-cache', ...type, ...fault.headers });
      return response.end(fault.page);
    }
    distort(response, fault, () => faults.get(path) === fault, happened);
    return handler(request, response, { bytes: fault.truncateTo, ranges: !fault.noRange });
  }, 0);
  return {
    origin,
    requests,
    faults,
    /** The number of requests for files with that ending since the last `requests.length = 0`. */
    count: (/** @type {string} */ ending) => requests.filter(({ path }) => path.endsWith(ending)).length,
    close: async () => {
      await close();
      content.remove();
    },
  };
}

/**
 * Makes a response fail while it is sent.
 *
 * @param {import('node:http').ServerResponse} response
 * @param {Fault} fault
 * @param {() => boolean} pending whether the fault should still happen; another request may have used it up
 * @param {() => void} happened
 */
function distort(response, fault, pending, happened) {
  const { write, end } = response;
  const isHead = response.req.method === 'HEAD';
  const parts = [];
  let started = false;
  let at = 0;
  let stop = Infinity;
  let due = 0;
  let waiting = false;
  let ended;

  /** Breaks the connection when everything written has been sent. */
  const tear = () => setTimeout(() => response.destroy(), 50);

  /** Called before the first byte: the headers are known, but not sent yet. */
  const start = () => {
    if (started) return;
    started = true;
    if (response.statusCode > 206 || !pending()) return Object.assign(response, { write, end });
    const length = Number(response.getHeader('Content-Length'));
    at = Number(/^bytes (\d+)-/.exec(String(response.getHeader('Content-Range')))?.[1] ?? 0);
    if (fault.breakAt !== undefined && fault.breakAt < at + length) stop = Math.max(fault.breakAt, at);
    const flips = fault.flipAt !== undefined && fault.flipAt >= at && fault.flipAt < at + length;
    const always = fault.breakAt === undefined && fault.flipAt === undefined;
    if (!isHead && length > 0 && (stop < Infinity || flips || always)) happened();

    if (fault.overstate) response.setHeader('Content-Length', length + fault.overstate);
    for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value);
    if (fault.gzip) {
      response.setHeader('Content-Encoding', 'gzip');
      response.removeHeader('Content-Length');
    }
    if (isHead || at < stop) return;
    response.flushHeaders();
    tear();
  };

  /** @param {Buffer} chunk */
  const put = (chunk) => {
    if (response.destroyed || at >= stop) return false;
    const sent = Buffer.from(chunk.subarray(0, stop - at));
    const flip = (fault.flipAt ?? -1) - at;
    if (flip >= 0 && flip < sent.length) sent[flip] ^= 1;
    at += sent.length;
    if (at >= stop) tear();
    if (fault.bytesPerSecond) due = Date.now() + (1000 * sent.length) / fault.bytesPerSecond;
    return write.call(response, sent);
  };

  /** @param {any} chunk */
  response.write = (chunk) => {
    start();
    // The fault does not happen any more.
    if (response.write === write) return response.write(chunk);
    if (fault.gzip) return parts.push(chunk) > 0;
    const wait = due - Date.now();
    if (wait <= 0) return put(chunk);
    // A stream that is piped into this response waits for the event.
    waiting = true;
    setTimeout(() => {
      waiting = false;
      if (put(chunk)) response.emit('drain');
      ended?.();
    }, wait);
    return false;
  };
  /** @param {any} last */
  response.end = (last) => {
    start();
    if (response.end === end) return response.end(last);
    // A file may end while its last bytes are still delayed.
    if (waiting) {
      ended = () => response.end(last);
      return response;
    }
    if (parts.length > 0) return end.call(response, gzipSync(Buffer.concat(parts)));
    if (isHead || (stop === Infinity && !fault.overstate)) return end.call(response, last);
    tear();
    return response;
  };
}

/** Writes contents to files, which all have the same date, so that the same content has the same ETag. */
class Contents {
  #folder;
  #count = 0;

  /**
   * @param {string} path its extension determines the type
   * @param {Buffer} content
   */
  file(path, content) {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'linnet-served-'));
    const file = join(this.#folder, `${this.#count++}-${basename(path)}`);
    writeFileSync(file, content);
    utimesSync(file, 0, 0);
    return file;
  }

  remove() {
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
  }
}
