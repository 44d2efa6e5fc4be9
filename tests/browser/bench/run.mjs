// Linnet beside wllama in one Chromium: the same file, the same prompts, the same number of CPU threads, taking turns; in a
// page that is not isolated with one thread, in one that is with several.
//   npm run bench -w tests/browser -- [--runs N] [--tokens N] [--threads N] [--json FILE]
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from '../engines.mjs';
import { MODEL, noModel, openPage, startServer } from '../harness.mjs';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string', default: String(Math.min(8, cpus().length)) },
    json: { type: 'string' },
  },
});
const runs = Number(values.runs);
const maxTokens = Number(values.tokens);
if (noModel) throw new Error(noModel);

const wllama = dirname(dirname(fileURLToPath(import.meta.resolve('@wllama/wllama/esm/index.js'))));
const files = { '/wllama/': `${wllama}/`, '/measure.mjs': join(import.meta.dirname, 'measure.mjs') };
const browser = await chromium({ webgpu: false });
const several = Number(values.threads);
const pages = [await open(1), ...(several > 1 ? [await open(several)] : [])];
try {
  // The first round only warms up: compiled code, page faults, the clock speed.
  for (let run = 0; run <= runs; run++) {
    for (const { threads, measure, samples } of pages) {
      for (const engine of /** @type {const} */ (['linnet', 'wllama'])) {
        const sample = await measure(engine, promptOf(run));
        if (run > 0) samples[engine].push(sample);
        console.error(`${run > 0 ? `run ${run}` : 'warm-up'}  ${engine}, ${threads}  prefill ${sample.prefill.toFixed(1)}  decode ${sample.decode.toFixed(1)} tokens/s`);
      }
    }
  }
  const report = summary(await browser.version());
  console.log(table(report));
  if (values.json) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  await browser.close();
  for (const { server } of pages) await server.close();
}

/** A page with both engines, with so many threads each. */
async function open(threads) {
  const server = await startServer({ isolated: threads > 1, files });
  const page = await openPage(browser, `${server.origin}/blank.html`);
  const about = await page.evaluate(
    async (options) => {
      const module = await import(/** @type {string} */ ('/measure.mjs'));
      Object.assign(globalThis, { measure: module.measure });
      return module.start(options);
    },
    { model: `/models/${MODEL}`, contextLength: 1024, threads },
  );
  const measure = (engine, prompt) =>
    page.evaluate((options) => /** @type {any} */ (globalThis).measure(options), { engine, prompt, maxTokens });
  /** @type {Record<'linnet' | 'wllama', import('./measure.mjs').Sample[]>} */
  const samples = { linnet: [], wllama: [] };
  return { threads, server, about, measure, samples };
}

/** About 250 tokens. The beginning differs from run to run, so that no engine can reuse what it has computed before. */
function promptOf(run) {
  return (
    `Notebook ${run + 1}. The linnet is a small finch that lives on open land with thorny bushes and weeds. It is about the ` +
    'size of a sparrow, but slimmer, with a short grey bill, a forked tail and white edges on the wing feathers. In ' +
    'spring the male has a red forehead and a red breast, while the female is brown and streaked all year. The birds eat ' +
    'seeds almost entirely, and even the young are fed with seeds that the parents have softened. They nest in loose groups, ' +
    'often in gorse, and build a cup of grass and moss that is lined with hair and wool. The female lays four to six eggs ' +
    'and sits on them for about two weeks. After the breeding season the families join flocks that wander over stubble ' +
    'fields and along the coast, rising and falling in the air as they fly and calling to one another without pause. For ' +
    'centuries people kept linnets in cages for their song, which is fast, musical and full of trills. Today the bird is ' +
    'rarer than it was fifty years ago, mostly because modern farming leaves fewer weeds. Where fields are left alone for a year, it soon comes back. To help the linnet, a farmer could '
  );
}

function summary(browserVersion) {
  const ofPage = ({ threads, about, samples }) => {
    const engine = (name) => {
      const of = (key) => spread(samples[name].map((sample) => sample[key]));
      return { about: about[name], promptTokens: samples[name][0].promptTokens, tokens: samples[name][0].tokens, prefill: of('prefill'), decode: of('decode'), samples: samples[name] };
    };
    const [linnet, other] = [engine('linnet'), engine('wllama')];
    const ratio = { prefill: linnet.prefill.median / other.prefill.median, decode: linnet.decode.median / other.decode.median };
    return { threads, linnet, wllama: other, ratio };
  };
  return { model: MODEL, browser: browserVersion, cpu: cpus()[0].model, runs, pages: pages.map(ofPage) };
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

function table({ model, browser, cpu, pages }) {
  const cell = ({ median, min, max }) => `${median.toFixed(1)} (${min.toFixed(1)}-${max.toFixed(1)})`;
  const [{ linnet }] = pages;
  const rows = [
    ['', 'prefill tokens/s', 'decode tokens/s'],
    ...pages.flatMap(({ threads, linnet, wllama, ratio }) => [
      [`Linnet, threads ${threads}`, cell(linnet.prefill), cell(linnet.decode)],
      [`wllama 3.8.1, threads ${threads}`, cell(wllama.prefill), cell(wllama.decode)],
      ['ratio', `${ratio.prefill.toFixed(2)}x`, `${ratio.decode.toFixed(2)}x`],
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) => row.map((text, column) => (column ? text.padStart(widths[column]) : text.padEnd(widths[0]))).join('   '));
  return [
    `${model}, ${browser}, ${cpu}`,
    `CPU, ${linnet.promptTokens} prompt tokens, ${linnet.tokens} generated greedily; median of ${linnet.samples.length} runs (least-most), taking turns`,
    '',
    ...lines,
  ].join('\n');
}
