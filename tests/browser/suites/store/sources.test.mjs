// What `Linnet.load` takes as a model, where only a browser can tell: values of another frame, and proxies.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { openBlank, startServer, talkingTiny } from '../../support/harness.mjs';

describe('sources of a model', { timeout: 120_000 }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer({ files: { '/tiny.gguf': talkingTiny() } });
  });
  after(async () => {
    await browser.close();
    await server.close();
  });

  /** The outcome of loading each source: `ok`, or the error's message. */
  async function outcomes(t, sources) {
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const found = await page.evaluate(`(async () => {
      const outcomes = {};
      const sources = await (${sources})();
      for (const [name, source] of Object.entries(sources)) {
        try {
          const engine = await linnet.Linnet.load(source, { backend: 'cpu', storage: 'none' });
          engine.dispose();
          outcomes[name] = 'ok';
        } catch (error) {
          outcomes[name] = String(error.code) + ': ' + error.message;
        }
      }
      return outcomes;
    })()`);
    return /** @type {Record<string, string>} */ (found);
  }

  test('values of another frame are taken like those of the page', async (t) => {
    const found = await outcomes(
      t,
      `async () => {
        const frame = document.body.appendChild(document.createElement('iframe')).contentWindow;
        const bytes = await frame.eval('fetch("/tiny.gguf").then((response) => response.arrayBuffer())');
        return {
          ArrayBuffer: bytes,
          Uint8Array: new frame.Uint8Array(bytes),
          Blob: new frame.Blob([bytes]),
          File: new frame.File([bytes], 'x.gguf'),
          Response: await frame.fetch('/tiny.gguf'),
          ReadableStream: (await frame.fetch('/tiny.gguf')).body,
          URL: new frame.URL('/tiny.gguf', location.href),
          Array: frame.Array.of('/tiny.gguf'),
        };
      }`,
    );
    const kinds = ['ArrayBuffer', 'Uint8Array', 'Blob', 'File', 'Response', 'ReadableStream', 'URL', 'Array'];
    assert.deepEqual(found, Object.fromEntries(kinds.map((kind) => [kind, 'ok'])));
  });

  test('proxies of what is read say so', async (t) => {
    const found = await outcomes(
      t,
      `async () => ({
        Response: new Proxy(await fetch('/tiny.gguf'), {}),
        ReadableStream: new Proxy(new ReadableStream(), {}),
        URL: new Proxy(new URL('/tiny.gguf', location.href), {}),
        File: new Proxy(new File([], 'x.gguf'), {}),
        ArrayBuffer: new Proxy(new ArrayBuffer(8), {}),
      })`,
    );
    for (const [kind, outcome] of Object.entries(found)) {
      assert.match(outcome, /^invalid-request: `model` is a proxy of .*: pass the .* (itself|themselves)/, kind);
    }
  });
});
