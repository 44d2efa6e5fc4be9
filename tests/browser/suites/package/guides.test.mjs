// Runs the code of the guides unchanged: each guide in its own page, with the package, the real model, and the
// variables that the guides mention.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { marked } from 'marked';
import { chromium } from '../../support/engines.mjs';
import { MODEL, noModel, openPage, packageSource, startServer, talkingTiny } from '../../support/harness.mjs';

const DOCS = join(packageSource, 'docs');
const GUIDES = readdirSync(DOCS).filter((name) => name.endsWith('.md'));

/** The code of a guide, in order. */
const snippetsOf = (guide) =>
  marked
    .lexer(readFileSync(join(DOCS, guide), 'utf8'))
    .flatMap((token) => (token.type === 'code' && token.lang === 'ts' ? [token.text] : []));

/** A page with the import map of the guides and everything that their code mentions. */
const pageOf = () => {
  const map = readFileSync(join(DOCS, 'getting-started.md'), 'utf8').match(
    /<script type="importmap">[^]*?<\/script>/,
  )?.[0];
  return Buffer.from(`<!doctype html><meta charset="utf-8"><title>guide</title>${map}
<linnet-chat></linnet-chat><div id="scroller"><div id="output"></div></div><textarea id="input"></textarea>
<progress id="bar"></progress>
<script type="module" src="/prelude.mjs"></script>`);
};
const PRELUDE = `import { Linnet, models } from 'linnet';
// The person's file is the default model; the others are small random models.
const blob = await (await fetch('/models/${MODEL}')).blob();
await models.import(new File([blob], '${MODEL}'));
const files = [{ url: '/models/tiny.gguf', bytes: null, sha256: null }];
for (const id of ['qwen3-0.6b', 'qwen3-4b']) models.add({ id, files });
const tiny = await (await fetch('/models/tiny.gguf')).blob();
Object.assign(window, {
  linnet: await Linnet.load(models.all[0].id),
  messages: [{ role: 'user', content: 'Why is the sky blue? Answer in one sentence.' }],
  file: new File([tiny], 'tiny.gguf'),
  url: '/models/tiny.gguf',
  signedUrl: '/models/tiny.gguf?signature=1',
  send: () => {},
  copyButton: () => document.createElement('button'),
  ready: true,
});`;

describe('the code of the guides', { skip: noModel, timeout: 600_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  for (const guide of GUIDES.filter((guide) => snippetsOf(guide).length > 0)) {
    test(guide, async (t) => {
      const files = {
        '/page.html': pageOf(),
        '/prelude.mjs': Buffer.from(PRELUDE),
        '/models/tiny.gguf': talkingTiny(),
      };
      const snippets = snippetsOf(guide);
      for (const [index, contents] of snippets.entries()) {
        const { outputFiles } = await build({
          stdin: {
            contents: `${contents}\ndocument.body.dataset.done = '${index}';`,
            loader: 'ts',
            resolveDir: packageSource,
          },
          external: ['linnet', 'linnet/*'],
          bundle: true,
          format: 'esm',
          write: false,
          logLevel: 'silent',
        });
        files[`/snippet-${index}.mjs`] = Buffer.from(outputFiles[0].contents);
      }
      const server = await startServer({ files });
      t.after(() => server.close());
      const page = await openPage(browser, `${server.origin}/page.html`);
      t.after(() => page.close());
      const errors = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      await page.waitForFunction('window.ready', { timeout: 60_000 });
      for (const index of snippets.keys()) {
        const failed = await page.evaluate(
          (path) => import(path).then(() => undefined, String),
          `/snippet-${index}.mjs`,
        );
        assert.equal(failed, undefined, snippets[index]);
      }
      assert.deepEqual(errors, []);
    });
  }
});
