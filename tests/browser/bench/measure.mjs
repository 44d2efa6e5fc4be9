// Runs in the page: the two engines behind one face, and one way to measure both, by the page's own clock.

/**
 * @typedef {object} Sample
 * @property {number} promptTokens
 * @property {number} tokens generated
 * @property {number} prefill prompt tokens per second until the first token was there
 * @property {number} decode tokens per second from the first token to the last
 * @property {object} timings what the engine itself says
 */

/** Loads both engines for the CPU, with so many threads each. */
export async function start({ model, contextLength, threads }) {
  const linnet = await startLinnet(model, contextLength, threads);
  const wllama = await startWllama(model, contextLength, threads);
  Object.assign(globalThis, { engines: { linnet, wllama } });
  return { linnet: linnet.about, wllama: wllama.about };
}

async function startLinnet(model, contextLength, threads) {
  const { Linnet } = await import(/** @type {string} */ ('/linnet/index.js'));
  const engine = await Linnet.load(model, { backend: 'cpu', threads, contextLength });
  const info = engine.info();
  return {
    about: `threads ${info.threads}, ${info.module}`,
    stream: (prompt, max_tokens) => engine.completions.create({ prompt, max_tokens, temperature: 0, ignore_eos: true, stream: true }),
  };
}

async function startWllama(model, contextLength, threads) {
  const { Wllama } = await import(/** @type {string} */ ('/wllama/esm/index.js'));
  const quiet = { debug() {}, log() {}, warn: console.warn, error: console.error };
  const wllama = new Wllama({ default: '/wllama/esm/wasm/wllama.wasm' }, { logger: quiet, suppressNativeLog: true });
  const file = await (await fetch(model)).blob();
  // No GPU layers: it then does not even look for a GPU. A page that is not isolated gets its build for one thread.
  await wllama.loadModel([file], { n_ctx: contextLength, n_threads: threads, n_gpu_layers: 0, n_parallel: 1 });
  return {
    about: `threads ${wllama.getNumThreads()}, multi-thread ${wllama.isMultithread()}`,
    stream: (prompt, max_tokens) => wllama.createCompletion({ prompt, max_tokens, temperature: 0, ignore_eos: true, cache_prompt: false, stream: true }),
  };
}

/** One answer of one engine. @returns {Promise<Sample>} */
export async function measure({ engine, prompt, maxTokens }) {
  const since = performance.now();
  let first = 0;
  let last = 0;
  let timings;
  let usage;
  for await (const chunk of await globalThis.engines[engine].stream(prompt, maxTokens)) {
    const [choice] = chunk.choices ?? [];
    // The engines differ in what they send at the end; a piece with text or ids is a token.
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
    timings,
  };
}
