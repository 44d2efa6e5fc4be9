// Measures loading from the browser's store to the first token, a plain read of the same file, and the size of the wasm
// memory.
import { readFileSync } from 'node:fs';
import { openPage, packageFile, startServer } from '../support/harness.mjs';
import { promptIds } from './prompts.mjs';
import { spread } from './report.mjs';

const PROMPT = 40;
const CONTEXT = 1024;

/** Keeps the wasm memories that the engine's worker creates, so that their size can be read. */
const KEEP_MEMORIES = `globalThis.memories = [];
WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
  construct(target, parameters) {
    const memory = new target(...parameters);
    globalThis.memories.push(memory);
    return memory;
  },
});
`;

/**
 * @param {import('puppeteer-core').Browser} browser
 * @param {{ path: string, threads: number, runs: number, files: Record<string, string | Buffer> }} options
 */
export async function loading(browser, { path, threads, runs, files }) {
  const worker = KEEP_MEMORIES + readFileSync(packageFile('worker.js'), 'utf8');
  const server = await startServer({
    isolated: threads > 1,
    files: { ...files, '/linnet/worker.js': Buffer.from(worker), '/model.gguf': path },
  });
  try {
    const page = await openPage(browser, `${server.origin}/blank.html`);
    const call = (what, options = {}) =>
      page.evaluate(
        async (what, options) => (await import(/** @type {string} */ ('/page.mjs')))[what](options),
        what,
        options,
      );
    const load = () => call('startLinnet', { model: '/model.gguf', contextLength: CONTEXT, threads });
    const firstToken = async (seed) =>
      (1000 * PROMPT) / (await call('measure', { prompt: promptIds(PROMPT, seed), tokens: 2 })).prefill;
    const memory = async () => {
      // Workers of disposed engines may still be listed, before it.
      const engine = page
        .workers()
        .filter((worker) => worker.url().endsWith('/worker.js'))
        .at(-1);
      const sizes = await engine?.evaluate(() =>
        /** @type {any} */ (globalThis).memories.map((memory) => memory.buffer.byteLength),
      );
      return Math.max(...sizes);
    };

    // It is downloaded once, then read from the store.
    await load();
    await call('dispose');
    /** @type {Record<'load' | 'first' | 'read' | 'prefill', number[]>} */
    const times = { load: [], first: [], read: [], prefill: [] };
    let sizes = { loaded: 0, generated: 0 };
    let about = { ms: 0, threads: 0, info: /** @type {any} */ (undefined) };
    for (let run = 0; run < runs; run++) {
      times.read.push((await call('readStored')).ms);
      about = await load();
      times.load.push(about.ms);
      const loaded = await memory();
      times.first.push(about.ms + (await firstToken(2 * run)));
      times.prefill.push(await firstToken(2 * run + 1));
      await call('measure', { prompt: promptIds(PROMPT, 1000 + run), tokens: 32 });
      sizes = { loaded, generated: await memory() };
      await call('dispose');
    }
    await page.close();
    const medians = Object.fromEntries(Object.entries(times).map(([what, values]) => [what, spread(values)]));
    const ratio = medians.first.median / (medians.read.median + medians.prefill.median);
    const file = about.info.model.file_bytes;
    const { kv } = about.info.memory;
    return {
      load: { threads: about.threads, ...medians, ratio },
      memory: { file, kv, ...sizes, limit: 1.15 * file + kv + 40e6 },
    };
  } finally {
    await server.close();
  }
}
