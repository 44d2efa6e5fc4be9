// The package as users get it: packed, installed in projects outside the repository, and bundled.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { build as bundle } from 'esbuild';
import { createServer } from 'vite';
import webpack from 'webpack';
import { chromium } from '../../support/engines.mjs';
import { MODEL_ID, modelFolder, noModel, openPage, packageSource, STRICT_CSP } from '../../support/harness.mjs';
import { node, Projects, tool } from '../../support/project.mjs';
import { serve } from '../../support/server.mjs';

/** A page that asks the model through the API and through the element. It works at any address. */
const PAGE = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>A fresh page</title>
  <output></output>
  <linnet-chat mode="inline" model="${MODEL_ID}" model-base="models/" backend="cpu" context-length="256" temperature="0"
    max-tokens="8"></linnet-chat>
  <script type="module" src="./main.js"></script>
</html>
`;
const script = (from) => `import { Linnet } from '${from('')}';
import '${from('/element')}';

const engine = await Linnet.load('${MODEL_ID}', { modelBase: 'models/', backend: 'cpu', contextLength: 256 });
const messages = [{ role: 'user', content: 'What is the capital of France?' }];
const request = { messages, temperature: 0, max_tokens: 8 };
for await (const chunk of engine.chat.completions.create({ ...request, stream: true })) {
  document.querySelector('output').textContent += chunk.choices[0].delta.content ?? '';
}
document.querySelector('linnet-chat').engine = engine;
document.body.dataset.done = engine.info().module;
`;
const bare = (entry) => `linnet${entry}`;

/** Every public entry, used with its types. */
const TYPED = `import { linnet } from 'linnet/ai-sdk';
import { type ChatCompletion, Linnet, LinnetError, models } from 'linnet';
import { LinnetChat } from 'linnet/element';
import { installLanguageModel } from 'linnet/prompt-api';

export async function ask(question: string): Promise<string> {
  const engine = await Linnet.load([...models][0]!.id, { onProgress: ({ loaded }) => console.log(loaded) });
  const request = { messages: [{ role: 'user' as const, content: question }], max_tokens: 3 };
  const answer: ChatCompletion = await engine.chat.completions.create(request);
  const stream = engine.completions.create({ prompt: question, stream: true });
  for await (const chunk of stream) console.log(chunk.choices[0].text);
  return answer.choices[0].message.content;
}
export const isOurs = (error: unknown): boolean => error instanceof LinnetError && error.code === 'network';
export const chat: LinnetChat = new LinnetChat();
export const model: { doStream: unknown } = linnet('x');
export const install: Promise<unknown> = installLanguageModel({ preferBuiltIn: true });
// @ts-expect-error: the types know the fields.
void Linnet.load('x', { backend: 'gpu' });
`;

describe('the packed package', { timeout: 300_000 }, () => {
  /** @type {Projects} */
  let projects;
  let browser;

  const project = (name, files) => projects.make(name, files);
  /** Waits until the page has its answer, then asks its element. */
  const answers = async (page, isolated) => {
    await page.waitForSelector('[data-done]', { timeout: 120_000 });
    assert.match(await page.$eval('output', (output) => output.textContent ?? ''), /Paris/);
    // On an isolated page, a worker of the package starts the threads from its own file.
    assert.equal((await page.$eval('body', (body) => body.dataset.done ?? '')).endsWith('-threads'), isolated);
    const said = await page.evaluate(async () => {
      const chat = /** @type {any} */ (document.querySelector('linnet-chat'));
      const answer = new Promise((resolve) => chat.addEventListener('linnet-answer', ({ detail }) => resolve(detail)));
      await chat.ask('What is the capital of France?');
      await answer;
      return chat.shadowRoot.querySelector('[part~="log"]').textContent;
    });
    assert.match(said, /Paris/);
  };
  /** Serves a folder under a path and a strict policy, and chats there. */
  const chats = async (root, isolated) => {
    const server = await serve({
      isolated,
      csp: `${STRICT_CSP}; style-src 'self'`,
      mounts: { '/some/where/': `${root}/`, '/some/where/models/': `${modelFolder}/` },
    });
    const page = await openPage(browser, `${server.origin}/some/where/`);
    try {
      await answers(page, isolated);
      const failed = server.requests.filter(({ path, status }) => status >= 400 && !path.endsWith('/favicon.ico'));
      assert.deepEqual(failed, []);
      assert.deepEqual(
        server.requests.filter(({ path }) => !path.startsWith('/some/where/') && path !== '/favicon.ico'),
        [],
      );
    } finally {
      await page.close();
      await server.close();
    }
  };

  before(async () => {
    projects = new Projects();
    browser = await chromium({ webgpu: false });
  });
  after(async () => {
    await browser?.close();
    projects?.remove();
  });

  test('contains what its entries name, and only built files', () => {
    const root = project('contents', {});
    const installed = join(root, 'node_modules', 'linnet');
    assert.deepEqual(readdirSync(installed).sort(), ['README.md', 'dist', 'docs', 'examples', 'package.json']);
    const built = readdirSync(join(installed, 'dist'));
    for (const file of ['LICENSE-MIT', 'LICENSE-APACHE']) assert.ok(built.includes(file), file);
    const paths = JSON.parse(
      node(
        [
          '--input-type=module',
          '--eval',
          `import { readFileSync } from 'node:fs';
           const { exports } = JSON.parse(readFileSync('node_modules/linnet/package.json', 'utf8'));
           const targets = Object.values(exports).flatMap((to) => (typeof to === 'string' ? [to] : Object.values(to)));
           for (const target of targets) readFileSync('node_modules/linnet/' + target);
           const names = Object.keys(exports).map((name) => 'linnet' + name.slice(1));
           console.log(JSON.stringify(names.map((name) => import.meta.resolve(name))));`,
        ],
        root,
      ),
    );
    assert.ok(paths.every((path) => path.includes('/linnet/dist/')));
  });

  test('its types fit a strict project, resolved by a bundler and by Node', () => {
    const root = project('types', { 'main.ts': TYPED });
    for (const [module, moduleResolution] of [
      ['esnext', 'bundler'],
      ['nodenext', 'nodenext'],
    ]) {
      const compilerOptions = {
        module,
        moduleResolution,
        target: 'es2022',
        lib: ['es2023', 'dom', 'dom.iterable'],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
      };
      writeFileSync(join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
      node([tool('typescript', 'bin/tsc'), '-p', root], root);
    }
  });

  test('a plain page', { skip: noModel }, async () => {
    const root = project('plain', {
      'index.html': PAGE,
      'main.js': script((entry) => `./node_modules/linnet/dist/${entry.slice(1) || 'index'}.js`),
    });
    await chats(root, true);
  });

  test('a fresh Vite project', { skip: noModel }, async () => {
    const root = project('vite', { 'index.html': PAGE, 'main.js': script(bare) });
    node([tool('vite', 'bin/vite.js'), 'build', '--base=./', '--logLevel=error'], root);
    await chats(join(root, 'dist'), true);
  });

  test('the same project with Vite’s development server', { skip: noModel }, async (t) => {
    const root = project('vite-dev', { 'index.html': PAGE, 'main.js': script(bare) });
    mkdirSync(join(root, 'public'));
    symlinkSync(modelFolder, join(root, 'public', 'models'), 'junction');
    const server = await createServer({
      root,
      configFile: false,
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0 },
    });
    t.after(() => server.close());
    await server.listen();
    const page = await openPage(browser, String(server.resolvedUrls?.local[0]));
    await answers(page, false);
    await page.close();
  });

  test('a linked folder needs server.fs.allow, and the error says so', async (t) => {
    const root = join(projects.folder, 'vite-linked');
    mkdirSync(join(root, 'node_modules'), { recursive: true });
    symlinkSync(packageSource, join(root, 'node_modules', 'linnet'), 'junction');
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'vite-linked', private: true, type: 'module' }));
    writeFileSync(
      join(root, 'index.html'),
      '<!doctype html><title>linked</title><script type="module" src="./main.js"></script>',
    );
    const main = `import { Linnet } from 'linnet';
      const keep = ({ code, message, details }) => (window.failure = { code, message, details });
      await Linnet.load(new File(['no model'], 'x.gguf'), { backend: 'cpu' }).catch(keep);`;
    writeFileSync(join(root, 'main.js'), main);
    for (const allowed of [false, true]) {
      const fs = allowed ? { allow: [root, packageSource] } : {};
      const server = await createServer({
        root,
        configFile: false,
        logLevel: 'silent',
        server: { host: '127.0.0.1', port: 0, fs },
      });
      t.after(() => server.close());
      await server.listen();
      const page = await openPage(browser, String(server.resolvedUrls?.local[0]));
      await page.waitForFunction('window.failure', { timeout: 60_000 });
      const { code, message, details } = /** @type {any} */ (await page.evaluate('failure'));
      if (allowed) {
        // The engine has loaded; the file fails because it is not a model.
        assert.deepEqual([code, details.status], ['bad-model', undefined], message);
      } else {
        assert.deepEqual([code, details.status], ['http', 403], message);
        assert.match(message, /(worker\.js|\.wasm).*403.*server\.fs\.allow/);
        assert.ok(message.includes(details.url), message);
      }
      await page.close();
    }
  });

  test('a plain page with the import map of the guide', async (t) => {
    const guide = readFileSync(join(packageSource, 'docs', 'getting-started.md'), 'utf8');
    const map = guide.match(/<script type="importmap">[^]*?<\/script>/)?.[0];
    assert.ok(map, 'the guide has an import map');
    const entries = Object.keys(JSON.parse(readFileSync(join(packageSource, 'package.json'), 'utf8')).exports);
    const modules = entries
      .filter((entry) => !/\.(json|js|wasm|css)$/.test(entry))
      .map((entry) => `linnet${entry.slice(1)}`);
    const text = `<!doctype html><title>map</title>${map}<script type="module">
      const found = await Promise.all(${JSON.stringify(modules)}.map((name) => import(name)));
      window.found = found.map((module) => Object.keys(module).length);</script>`;
    const server = await serve({
      mounts: { '/linnet/': `${join(packageSource, 'dist')}/`, '/index.html': Buffer.from(text) },
    });
    t.after(() => server.close());
    const page = await openPage(browser, `${server.origin}/index.html`);
    await page.waitForFunction('window.found', { timeout: 30_000 });
    assert.ok(/** @type {number[]} */ (await page.evaluate('found')).every((count) => count > 0));
    await page.close();
  });

  for (const asModules of [true, false]) {
    test(`a bundle by webpack, ${asModules ? 'as modules' : 'as it does without being told'}`, {
      skip: noModel,
    }, async () => {
      const root = project(`webpack-${asModules}`, { 'main.js': script(bare) });
      const path = join(root, 'dist');
      const compiler = webpack({
        context: root,
        mode: 'production',
        entry: './main.js',
        output: { path, filename: 'main.js', ...(asModules ? { module: true } : {}) },
        ...(asModules ? { experiments: { outputModule: true } } : {}),
        // It warns about files larger than 244 KB, including the wasm.
        performance: false,
      });
      const stats = await promisify(compiler.run.bind(compiler))();
      await promisify(compiler.close.bind(compiler))();
      const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
      assert.deepEqual(
        [...errors, ...warnings].map(({ message }) => message),
        [],
      );
      writeFileSync(join(path, 'index.html'), asModules ? PAGE : PAGE.replace('type="module"', 'defer'));
      await chats(path, true);
    });
  }

  test('a bundle by esbuild', { skip: noModel }, async () => {
    const root = project('esbuild', { 'index.html': PAGE, 'main.js': script(bare) });
    const outdir = join(root, 'dist');
    await bundle({
      entryPoints: [join(root, 'main.js')],
      outdir,
      bundle: true,
      splitting: true,
      format: 'esm',
      target: 'es2022',
      minify: true,
      logLevel: 'silent',
    });
    // It copies only modules, as the guide says.
    const beside = join(root, 'node_modules', 'linnet', 'dist');
    const files = [
      'worker.js',
      'thread.js',
      'linnet.js',
      ...readdirSync(beside).filter((name) => name.endsWith('.wasm')),
    ];
    for (const file of files) cpSync(join(beside, file), join(outdir, file));
    cpSync(join(root, 'index.html'), join(outdir, 'index.html'));
    await chats(outdir, false);
  });
});
