// The size of the package's files that a page loads before the model, under brotli.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import { chromium } from '../../support/engines.mjs';
import { openPage, packageFile, startServer } from '../../support/harness.mjs';

/** The maximum size of all scripts and the wasm file before the model. */
const LIMIT = 911_000;
const FOLDER = '/linnet/';

/** A page that uses the element and the API up to the download of the model, which is missing. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>test</title><linnet-chat mode="inline"></linnet-chat>
<script type="module" src="${FOLDER}element.js"></script><script type="module" src="/main.mjs"></script>`;
const main = (backend) => `import { Linnet } from '${FOLDER}index.js';
import '${FOLDER}prompt-api.js';
document.querySelector('linnet-chat').show();
const keep = ({ code }) => (document.body.dataset.code = code);
await Linnet.load('/absent.gguf', { backend: '${backend}', threads: 2 }).catch(keep);`;

/** The size of a file of the package under brotli. For the module this takes seconds. */
const compressed = async (file) => (await promisify(brotliCompress)(readFileSync(packageFile(file)))).length;

describe('the size of a page before the model', { concurrency: true }, () => {
  for (const { name, isolated, backend } of [
    { name: 'an isolated page, on the CPU', isolated: true, backend: 'cpu' },
    { name: 'a page that is not isolated, on the GPU', isolated: false, backend: 'webgpu' },
  ]) {
    test(name, { timeout: 180_000 }, async (t) => {
      const browser = await chromium({ webgpu: backend === 'webgpu' });
      t.after(() => browser.close());
      const server = await startServer({
        isolated,
        files: { '/index.html': Buffer.from(PAGE), '/main.mjs': Buffer.from(main(backend)) },
      });
      t.after(() => server.close());
      const page = await openPage(browser, `${server.origin}/index.html`);
      await page.waitForSelector('[data-code="not-found"]', { timeout: 120_000 });

      const files = [
        ...new Set(
          server.requests
            .map(({ path }) => path)
            .filter((path) => path.startsWith(FOLDER))
            .map((path) => path.slice(FOLDER.length)),
        ),
      ];
      const sizes = await Promise.all(files.map(async (file) => ({ file, bytes: await compressed(file) })));
      for (const { file, bytes } of sizes) t.diagnostic(`${file}: ${bytes} bytes, brotli`);
      const sum = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
      t.diagnostic(`together: ${sum} of at most ${LIMIT}`);
      assert.equal(files.filter((path) => path.endsWith('.wasm')).length, 1, 'one wasm and no other');
      for (const part of [
        'element.js',
        'element/view.js',
        'markdown.js',
        'index.js',
        'prompt-api.js',
        'worker.js',
        'linnet.js',
      ])
        assert.ok(files.includes(part), part);
      assert.ok(sum <= LIMIT, `${sum} bytes`);
    });
  }
});
