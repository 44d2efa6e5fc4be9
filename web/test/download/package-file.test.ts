import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileError, importError } from '../../src/download/package-file.ts';

const URL = 'http://localhost:5173/@fs/home/me/linnet/web/dist/linnet_bg.wasm';

test('an error names a missing file of the package, its address, the status and the remedy', () => {
  for (const [answer, code, status, remedy] of [
    [{ status: 404 }, 'not-found', 404, /dist folder/],
    [{ status: 403, type: 'text/html' }, 'http', 403, /server\.fs\.allow/],
    [{ status: 200, type: 'text/html', foreign: true }, 'not-found', 200, /something else \(text\/html\).*dist folder/],
    [{ status: 503 }, 'http', 503, /Try again later/],
  ] as const) {
    const { code: found, message, details } = fileError(URL, answer);
    assert.equal(found, code);
    assert.ok(message.includes(URL) && message.includes(String(status)), message);
    assert.match(message, remedy);
    assert.deepEqual([details['url'], details['status']], [URL, status]);
  }
});

test('a file without a response is reported as a network or policy failure', () => {
  const { code, message, details } = fileError(URL, undefined, new TypeError('Failed to fetch'));
  assert.equal(code, 'network');
  assert.match(message, /connection.*connect-src/);
  assert.deepEqual(details, { part: 'engine', url: URL, cause: 'TypeError: Failed to fetch' });
  assert.equal(importError(URL).code, 'not-found');
});
