// Measures the engine of the npm package on Dawn, Chromium's WebGPU implementation, without a browser. The npm package
// `webgpu` has Dawn for Node. For machines with a GPU and no screen.
//
//   npm install --no-save webgpu
//   node benches/dawn.mjs MODEL.gguf [TOKENS] [DAWN OPTION ...]
//
// Run after `cargo xtask build`. MODEL is a file; Dawn's options are those of `webgpu`, such as `adapter=NVIDIA`.
// Prints the speed of loading, prefill and decoding, the counters of a token, and `info()`.
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [path, tokens = '128', ...options] = process.argv.slice(2);
if (!path) {
  console.error('usage: node benches/dawn.mjs MODEL.gguf [TOKENS] [DAWN OPTION ...]');
  process.exit(2);
}
const { create, globals } = createRequire(`${process.cwd()}/`)('webgpu');
// The engine looks for the GPU in a worker's globals.
Object.assign(globalThis, globals, { WorkerGlobalScope: Object });
Object.defineProperty(globalThis, 'navigator', { value: { gpu: create(options) } });

const dist = new URL('../web/dist/', import.meta.url);
const { initSync, Loader } = await import(new URL('linnet.js', dist).href);
const module = new WebAssembly.Module(readFileSync(new URL('linnet_bg.wasm', dist)));
initSync({ module, memory: new WebAssembly.Memory({ initial: 64 }) });

/** Bytes per call of `push`. */
const PIECE = 1 << 20;
const PROMPT_TOKENS = 512;
const RUNS = 5;

const begin = performance.now();
const loader = await Loader.create(JSON.stringify({ backend: 'webgpu', context_length: PROMPT_TOKENS + 512 }));
for await (const piece of createReadStream(path, { highWaterMark: PIECE })) await loader.push(new Uint8Array(piece));
const engine = await loader.finish();
console.log(`load     ${Math.round(performance.now() - begin)} ms`);

/**
 * Runs a prompt and an answer, and returns the last event. Each prompt has another beginning, so that no prefix is
 * reused.
 */
async function run(first) {
  const prompt = Array.from({ length: PROMPT_TOKENS }, (_, at) => (first + at * 7) % 500);
  const request = { prompt, max_tokens: Number(tokens), temperature: 0, ignore_eos: true };
  const generation = engine.generate(JSON.stringify(request));
  for (;;) {
    const event = JSON.parse(await generation.next());
    if (event.type === 'done') return event;
  }
}

await run(0); // warms up: some work is done only once
const done = [];
for (let i = 1; i <= RUNS; i++) done.push(await run(i));
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1].toFixed(1);
const speeds = (name) => done.map(({ timings }) => timings[name]);
console.log(`prefill  ${median(speeds('prompt_per_second'))} tokens/s (median; ${PROMPT_TOKENS} tokens, ${RUNS} runs)`);
const { completion_tokens: written } = done[0].usage;
console.log(`decode   ${median(speeds('predicted_per_second'))} tokens/s (median; ${written} tokens, ${RUNS} runs)`);
console.log('per decoded token:', JSON.stringify(done[0].counters));
console.log(JSON.stringify(JSON.parse(engine.info()), null, 2));
process.exit(0); // the device would keep the process alive
