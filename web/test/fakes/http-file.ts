import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export const FILE = new Uint8Array(300_000).map((_, i) => (i * 31) >> 3);
export const ETAG = '"one"';

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server for one test. Returns its URL and the requested ranges. */
export async function serve(
  t: TestContext,
  handler: Handler = (request, response) => send(request, response),
): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response, ranges.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.gguf`, ranges };
}

/**
 * Sends the requested range, up to the file's byte `until`. If the range is longer, the connection breaks there.
 */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  {
    file = FILE,
    until = Infinity,
    etag = ETAG,
    range = true,
  }: { file?: Uint8Array; until?: number; etag?: string | null; range?: boolean } = {},
): void {
  const asked = range ? /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') : null;
  const start = Number(asked?.[1] ?? 0);
  const end = Math.min(file.length, asked?.[2] ? Number(asked[2]) + 1 : file.length);
  if (asked && start >= file.length)
    return void response.writeHead(416, { 'Content-Range': `bytes */${file.length}` }).end();
  const headers: Record<string, string> = {
    'Content-Length': String(end - start),
    ...(etag === null ? {} : { ETag: etag }),
  };
  if (asked) headers['Content-Range'] = `bytes ${start}-${end - 1}/${file.length}`;
  response.writeHead(asked ? 206 : 200, headers);
  if (until > start) response.write(file.subarray(start, Math.min(end, until)));
  if (until < end) setTimeout(() => response.destroy(), 20);
  else response.end();
}

/** For `assert.rejects`: an error with that code. */
export const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;
