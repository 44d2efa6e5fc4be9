// Measures Linnet in Chromium and natively, wllama, and llama.cpp: with the same files, prompt lengths and numbers of
// threads. They take turns, so that other load affects all of them. `cargo xtask bench` runs it.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from '../support/engines.mjs';
import { openPage, startServer } from '../support/harness.mjs';
import { chart } from './chart.mjs';
import { loading } from './loading.mjs';
import { llamaBench, nativeLinnet } from './natives.mjs';
import { promptIds, promptText } from './prompts.mjs';
import { OURS, otherModule, spread, text } from './report.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string', multiple: true, default: [] },
    threads: { type: 'string', default: '1,2' },
    prompts: { type: 'string', default: '40,250,900' },
    tokens: { type: 'string', default: '96' },
    runs: { type: 'string', default: '5' },
    // The number of runs with wllama, which needs minutes where the others need seconds.
    'wllama-runs': { type: 'string', default: '5' },
    // What to measure: speed, context, load.
    parts: { type: 'string', default: 'speed,context,load' },
    'no-browser': { type: 'boolean', default: false },
    linnet: { type: 'string' },
    'llama-bench': { type: 'string' },
    text: { type: 'string' },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
});
const numbers = (list) => list.split(',').map(Number);
const [threads, prompts] = [numbers(values.threads), numbers(values.prompts)];
const [tokens, runs, wllamaRuns] = [values.tokens, values.runs, values['wllama-runs']].map(Number);
const parts = values.parts.split(',');
/** wllama gets a short prompt and generates fewer tokens. */
const WLLAMA = { longest: 40, tokens: 32 };
/** The module that is not chosen here runs only this prompt. */
const OTHER_PROMPT = 250;
/** Contexts for decoding: a short and a long one. */
const CONTEXT = { prompts: [50, 2000], tokens: 48, runs: Math.min(runs, 3) };

const wllama = dirname(dirname(fileURLToPath(import.meta.resolve('@wllama/wllama/esm/index.js'))));
const FILES = { '/wllama/': `${wllama}/`, '/page.mjs': join(import.meta.dirname, 'page.mjs') };

/** A participant in the comparison: an engine with a number of threads. */
/**
 * @typedef {{ engine: string, threads: number, about?: string, takes?: (c: Case, run: number) => boolean, sample: (c:
 * Case, seed: number) => Promise<import('./page.mjs').Sample>, close?: () => Promise<void> }} Contestant
 */
/** @typedef {{ prompt: number, tokens: number }} Case */

const browser = values['no-browser'] ? undefined : await chromium({ webgpu: false });
const report = {
  browser: (await browser?.version()) ?? 'no browser',
  cpu: cpus()[0].model,
  threads,
  notes: notes(),
  models: /** @type {any[]} */ ([]),
};
try {
  for (const path of values.model) {
    const speeds = parts.includes('speed') ? await speed(path) : [];
    const context = browser && parts.includes('context') ? await behindContext(path) : [];
    const rest =
      browser && parts.includes('load')
        ? await loading(browser, { path, threads: Math.max(...threads), runs, files: FILES })
        : {};
    report.models.push({ file: basename(path), speeds, context, ...rest });
  }
  const words = text(report);
  console.log(words);
  if (values.text) writeFileSync(values.text, `${words}\n`);
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
  if (values.svg) writeFileSync(values.svg, chart(report));
} finally {
  await browser?.close();
}

function notes() {
  const lines = [];
  if (browser && wllamaRuns > 0) {
    lines.push(
      `wllama: ${Math.min(runs, wllamaRuns)} of ${runs} runs, prompts of up to ${WLLAMA.longest}, ` +
        `${WLLAMA.tokens} tokens decoded: more would take too long`,
    );
  }
  if (!values['llama-bench']) lines.push('llama-bench is not on the path: native llama.cpp was not measured');
  lines.push('transformers.js and onnxruntime-web were not measured: there is no ONNX export of these files here');
  return lines;
}

/** Every engine, all prompts. */
async function speed(path) {
  /** @type {Contestant[]} */
  const contestants = [];
  try {
    for (const count of threads) {
      if (browser) {
        const context = Math.max(...prompts) + tokens + 8;
        const usual = await inPage('startLinnet', path, count, context);
        const relaxedSimd = !usual.about?.startsWith('relaxed');
        const other = await inPage('startLinnet', path, count, context, { relaxedSimd });
        contestants.push(usual, {
          ...other,
          engine: otherModule(relaxedSimd),
          takes: ({ prompt }) => prompt === OTHER_PROMPT,
        });
      }
      if (values.linnet) contestants.push(nativeLinnet(values.linnet, path, count));
      if (values['llama-bench']) contestants.push(llamaBench(values['llama-bench'], path, count));
      if (browser && wllamaRuns > 0)
        contestants.push(await inPage('startWllama', path, count, WLLAMA.longest + 2 * WLLAMA.tokens + 64));
    }
    return await compare(
      contestants,
      prompts.map((prompt) => ({ prompt, tokens })),
      runs,
    );
  } finally {
    for (const { close } of contestants) await close?.();
  }
}

/** Linnet's decoding speed with a long context. */
async function behindContext(path) {
  const result = [];
  for (const count of threads) {
    const contestant = await inPage('startLinnet', path, count, Math.max(...CONTEXT.prompts) + CONTEXT.tokens + 8);
    const speeds = await compare(
      [contestant],
      CONTEXT.prompts.map((prompt) => ({ prompt, tokens: CONTEXT.tokens })),
      CONTEXT.runs,
    );
    await contestant.close?.();
    result.push({ threads: count, decode: speeds.map(({ prompt, decode }) => ({ prompt, speed: decode })) });
  }
  return result;
}

/**
 * Runs all contestants with all cases, in turns, and summarizes them.
 *
 * @param {Contestant[]} contestants
 * @param {Case[]} cases
 */
async function compare(contestants, cases, runs) {
  const entries = cases.flatMap((of) =>
    contestants.map((contestant) => ({ of, contestant, samples: /** @type {import('./page.mjs').Sample[]} */ ([]) })),
  );
  // Warms up compiled code, page faults and the clock speed. Programs that are started for each run do so themselves.
  for (const contestant of contestants.filter(({ close }) => close))
    await contestant.sample({ prompt: 16, tokens: 8 }, 0);
  for (let run = 0; run < runs; run++) {
    for (const { of, contestant, samples } of entries) {
      if (contestant.takes && !contestant.takes(of, run)) continue;
      const sample = await contestant.sample(of, run * 10_000 + of.prompt);
      samples.push(sample);
      console.error(
        `run ${run + 1} of ${runs}  ${contestant.engine}, threads ${contestant.threads}, prompt ${of.prompt}  ` +
          `prefill ${sample.prefill.toFixed(1)}  decode ${sample.decode.toFixed(1)} tokens/s`,
      );
    }
  }
  const measured = entries.filter(({ samples }) => samples.length);
  const sums = measured.map(({ of, contestant: { engine, threads, about }, samples }) => ({
    engine,
    ...(about ? { about } : {}),
    threads,
    prompt: of.prompt,
    promptTokens: samples[0].promptTokens,
    tokens: samples[0].tokens,
    prefill: spread(samples.map(({ prefill }) => prefill)),
    decode: spread(samples.map(({ decode }) => decode)),
  }));
  return sums.sort((a, b) => a.threads - b.threads || a.prompt - b.prompt);
}

/** An engine in its own page, which is isolated if it has several threads. @returns {Promise<Contestant>} */
async function inPage(start, path, count, contextLength, options = {}) {
  if (!browser) throw new Error('no browser was started');
  const server = await startServer({ ...options, isolated: count > 1, files: { ...FILES, '/model.gguf': path } });
  const page = await openPage(browser, `${server.origin}/blank.html`);
  const call = (what, options) =>
    page.evaluate(
      async (what, options) => (await import(/** @type {string} */ ('/page.mjs')))[what](options),
      what,
      options,
    );
  const { about, threads } = await call(start, { model: '/model.gguf', contextLength, threads: count });
  const close = async () => {
    await page.close();
    await server.close();
  };
  if (start === 'startLinnet') {
    const sample = ({ prompt, tokens }, seed) => call('measure', { prompt: promptIds(prompt, seed), tokens });
    return { engine: OURS, threads, about, sample, close };
  }
  return {
    engine: 'wllama 3.8.1, Chromium',
    threads,
    about,
    takes: ({ prompt }, run) => prompt <= WLLAMA.longest && run < wllamaRuns,
    sample: ({ prompt, tokens }, seed) =>
      call('measure', { prompt: promptText(prompt, seed), tokens: Math.min(tokens, WLLAMA.tokens) }),
    close,
  };
}
