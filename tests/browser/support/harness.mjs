// Shared by the suites: paths, pages to test in, and calls of the package's API from Node.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { withMetadata } from './gguf.mjs';
import { serve } from './server.mjs';

const root = resolve(import.meta.dirname, '..', '..', '..');
const dist = { package: join(root, 'web', 'dist'), site: join(root, 'www', 'dist') };
for (const folder of Object.values(dist)) {
  if (!existsSync(folder)) throw new Error(`${folder} is missing: run "cargo xtask build" first.`);
}

/** The built package in the repository. */
export const packageSource = join(root, 'web');
/** A file of the built package. */
export const packageFile = (name) => join(dist.package, name);

/** A file of the built site. */
export const siteFile = (name) => join(dist.site, name);
/** The pages of the demo site, without their ending. */
export const sitePages = () =>
  readdirSync(dist.site)
    .filter((name) => name.endsWith('.html'))
    .map((name) => basename(name, '.html'));

/** A policy that allows only what the package needs. */
export const STRICT_CSP =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";

/** The default model's file name. */
export const MODEL = 'SmolLM2-135M-Instruct.Q4_1.gguf';
/** Its length in bytes. */
export const MODEL_BYTES = 98362432;
/** Its id in the package's list. */
export const MODEL_ID = 'smollm2-135m-instruct';

/** The folder of the real models. */
export const modelFolder = resolve(process.env.LINNET_MODELS ?? join(root, 'models'));
export const modelPath = join(modelFolder, MODEL);
/** Why tests that need the default model cannot run, for `node:test`'s `skip`; `false` if they can. */
const missing = (path) => (existsSync(path) ? false : `skipped: ${basename(path)} is not in LINNET_MODELS`);
export const noModel = missing(modelPath);

/** Gemma 3 270M, a base model. */
export const gemmaPath = join(modelFolder, 'gemma-3-270m-q4_k_m.gguf');
export const noGemma = missing(gemmaPath);

const beside = join(root, '..', 'shared', 'reference');
const reference = resolve(
  process.env.LINNET_REFERENCE ?? (existsSync(beside) ? beside : join(root, 'tests', 'fixtures')),
);
/** A file of the reference results: of the complete set if there is one, else of the part in the repository. */
export const referenceFile = (...parts) => join(reference, ...parts);

/** A file of the tests in the repository. */
export const fixtureFile = (...parts) => join(root, 'tests', 'fixtures', ...parts);

/** A model with random weights and a chat template. It is fast, and its answers make no sense. */
export function talkingTiny(template = '{% for message in messages %}{{ message.content }}{% endfor %}') {
  return withMetadata(readFileSync(referenceFile('tiny', 'qwen3', 'model.gguf')), {
    'tokenizer.chat_template': template,
  });
}

/**
 * The engine's worker, which finds that its processor has a fast relaxed SIMD dot instruction, or none. The results are
 * the same in either case.
 */
function workerWith(relaxedSimd) {
  const answer = `const { Instance } = WebAssembly;
WebAssembly.Instance = function (module, imports) {
  const probes = WebAssembly.Module.exports(module).some(({ name }) => name === 'dot');
  return probes ? { exports: { dot: () => ${relaxedSimd ? -507 : 65_535} } } : new Instance(module, imports);
};
`;
  return Buffer.from(answer + readFileSync(packageFile('worker.js'), 'utf8'));
}

/**
 * Serves the site at `/` and `/some/where/`, the package at `/linnet/`, a blank page that loads it, and the models.
 *
 * @param {{ isolated?: boolean, relaxedSimd?: boolean, csp?: string, cors?: 'files' | 'ranges', files?: Record<string,
 *   string | Buffer> }} [options]
 */
export async function startServer({ isolated = true, relaxedSimd, csp, cors, files = {} } = {}) {
  const blank =
    '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/blank.mjs"></script>';
  return serve({
    isolated,
    csp,
    cors,
    mounts: {
      '/': `${dist.site}/`,
      '/models/': `${modelFolder}/`,
      '/some/where/': `${dist.site}/`,
      '/some/where/models/': `${modelFolder}/`,
      '/linnet/': `${dist.package}/`,
      ...(relaxedSimd === undefined ? {} : { '/linnet/worker.js': workerWith(relaxedSimd) }),
      '/blank.html': Buffer.from(blank),
      '/blank.mjs': Buffer.from('import * as linnet from "/linnet/index.js"; Object.assign(window, { linnet });'),
      ...files,
    },
  });
}

/** A blank page that has loaded the package. */
export async function openBlank(browser, server, options = {}) {
  const page = await openPage(browser, `${options.origin ?? server.origin}/blank.html`);
  await page.waitForFunction('window.linnet');
  return page;
}

/**
 * Opens a page at that address.
 *
 * @param {import('puppeteer-core').Browser} browser
 * @param {string} url
 * @param {import('puppeteer-core').Viewport} [viewport]
 */
export async function openPage(browser, url, viewport = { width: 1000, height: 800 }) {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error('error in the page:', String(error)));
  await page.setViewport(viewport);
  await page.goto(url);
  return page;
}

/** Runs `Linnet.load` in the page and keeps the engine as `window.engine`. Returns its info, or the error. */
export function load(page, model, options = {}) {
  return page.evaluate(
    async (model, options) => {
      const phases = new Set();
      const window = /** @type {any} */ (globalThis);
      try {
        window.engine?.dispose();
        window.engine = await window.linnet.Linnet.load(model, {
          modelBase: '/models/',
          onProgress: ({ phase }) => phases.add(phase),
          ...options,
        });
        return { ...window.engine.info(), phases: [...phases] };
      } catch (/** @type {any} */ error) {
        return {
          code: error.code ?? String(error),
          message: error.message,
          details: error.details,
          phases: [...phases],
        };
      }
    },
    model,
    options,
  );
}

/** Runs `completions.create` in the page. Returns the answer, or the error. */
export function complete(page, request) {
  return page.evaluate(async (request) => {
    try {
      return await /** @type {any} */ (globalThis).engine.completions.create(request);
    } catch (/** @type {any} */ error) {
      return { code: error.code ?? String(error), message: error.message, details: error.details };
    }
  }, request);
}

/** Waits until the demo site's engine is `ready`, `failed` or `paused`. */
export async function engineState(page, wanted, timeout = 300_000) {
  const reached = (wanted) => document.documentElement.dataset.engine === wanted;
  try {
    await page.waitForFunction(reached, { timeout }, wanted);
  } catch (cause) {
    const texts = () => ['#loading-text', '#notice'].map((part) => document.querySelector(part)?.textContent).join(' ');
    const found = await page.evaluate(`document.documentElement.dataset.engine + ': ' + (${texts})()`);
    throw new Error(`the engine is not ${wanted}, but ${found}`, { cause });
  }
}

/** The notice that the demo site shows: its error code and its text. */
export async function notice(page) {
  await page.waitForSelector('#notice:not([hidden])', { timeout: 300_000 });
  return page.$eval('#notice', (element) => ({
    code: /** @type {HTMLElement} */ (element).dataset.code,
    text: element.querySelector('p')?.textContent ?? '',
  }));
}

/** Presses the button with that label. */
export async function press(page, label) {
  const button = await page.waitForSelector(`::-p-aria([name="${label}"][role="button"])`, {
    visible: true,
    timeout: 30_000,
  });
  await button.click();
}

/** Sends a message in the demo site. */
export async function ask(page, question) {
  await page.type('#prompt', question);
  await page.keyboard.press('Enter');
}

/** The native `linnet`: LINNET_NATIVE, or the one that cargo built; undefined if there is none. */
export function nativeBinary() {
  const built = ['release', 'debug'].map((profile) => join(root, 'target', profile, 'linnet'));
  return [process.env.LINNET_NATIVE, ...built].find((path) => path && existsSync(path));
}

/**
 * The token ids that the native binary generates greedily after a prompt; undefined if there is no binary.
 */
export function nativeTokens(prompt, count, model = modelPath) {
  const binary = nativeBinary();
  if (!binary) return undefined;
  const args = [
    'chat',
    model,
    '--raw',
    '--prompt',
    prompt,
    '--greedy',
    '--ignore-eos',
    '--max-tokens',
    String(count),
    '--print-tokens',
  ];
  const lines = execFileSync(binary, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .trim()
    .split('\n');
  return JSON.parse(lines[lines.length - 1]);
}
