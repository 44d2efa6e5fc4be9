// Runs in the page: the engines with one interface, measured with the page's clock.

/**
 * @typedef {object} Sample
 * @property {number} promptTokens
 * @property {number} tokens generated
 * @property {number} prefill prompt tokens per second until the first token
 * @property {number} decode tokens per second from the first token to the last
 */

const page = /** @type {any} */ (globalThis);

/** Loads Linnet on the CPU. Returns its info, and the time in milliseconds. */
export async function startLinnet({ model, contextLength, threads }) {
  const { Linnet } = await import(/** @type {string} */ ('/linnet/index.js'));
  const since = performance.now();
  const engine = await Linnet.load(model, { backend: 'cpu', threads, contextLength });
  const ms = performance.now() - since;
  page.engine = {
    stream: (prompt, max_tokens) =>
      engine.completions.create({ prompt, max_tokens, temperature: 0, ignore_eos: true, stream: true }),
    dispose: () => engine.dispose(),
  };
  const info = engine.info();
  return { about: info.module, threads: info.threads, info, ms };
}

/** Loads wllama on the CPU. */
export async function startWllama({ model, contextLength, threads }) {
  const { Wllama } = await import(/** @type {string} */ ('/wllama/esm/index.js'));
  const quiet = { debug() {}, log() {}, warn: console.warn, error: console.error };
  const wllama = new Wllama({ default: '/wllama/esm/wasm/wllama.wasm' }, { logger: quiet, suppressNativeLog: true });
  const file = await (await fetch(model)).blob();
  // Without GPU layers it does not look for a GPU. In a page that is not isolated it uses its single-thread build.
  await wllama.loadModel([file], { n_ctx: contextLength, n_threads: threads, n_gpu_layers: 0, n_parallel: 1 });
  page.engine = {
    stream: (prompt, max_tokens) =>
      wllama.createCompletion({
        prompt,
        max_tokens,
        temperature: 0,
        ignore_eos: true,
        cache_prompt: false,
        stream: true,
      }),
  };
  return { about: wllama.isMultithread() ? 'several threads' : 'one thread', threads: wllama.getNumThreads() };
}

/** Ends Linnet. */
export function dispose() {
  page.engine.dispose();
}

/** One answer. @returns {Promise<Sample>} */
export async function measure({ prompt, tokens: wanted }) {
  const since = performance.now();
  let first = 0;
  let last = 0;
  let timings;
  let usage;
  for await (const chunk of await page.engine.stream(prompt, wanted)) {
    const [choice] = chunk.choices ?? [];
    // The engines differ in what they send at the end; a chunk with text or ids is a token.
    if (choice?.text || choice?.tokens?.length) {
      last = performance.now();
      first ||= last;
    }
    timings = chunk.timings ?? timings;
    usage = chunk.usage ?? usage;
  }
  const promptTokens = usage?.prompt_tokens ?? timings.prompt_n;
  const tokens = usage?.completion_tokens ?? timings.predicted_n;
  return {
    promptTokens,
    tokens,
    prefill: (1000 * promptTokens) / (first - since),
    decode: (1000 * (tokens - 1)) / (last - first),
  };
}

/** Reads the only model that Linnet has stored for this origin, and does nothing else with it. */
export async function readStored() {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('linnet-models');
  for await (const [name, handle] of /** @type {any} */ (folder).entries()) {
    if (!name.endsWith('.gguf')) continue;
    const file = await handle.getFile();
    const since = performance.now();
    let bytes = 0;
    // In chunks of the same size as Linnet's.
    for (let start = 0; start < file.size; start += 4 << 20) {
      bytes += (await file.slice(start, start + (4 << 20)).arrayBuffer()).byteLength;
    }
    return { bytes, ms: performance.now() - since };
  }
  throw new Error('no model is stored');
}
