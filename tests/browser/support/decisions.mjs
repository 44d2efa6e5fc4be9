// Checks of decisions by SmolLM2, with a context of 512 tokens.
import assert from 'node:assert/strict';

/** Decides about one text and about several, with errors and an abort. `engine` of the page is the loaded model. */
export async function checkDecisions(page) {
  const found = await page.evaluate(async () => {
    const { engine } = /** @type {any} */ (globalThis);
    const request = { prompt: 'The capital of France is', options: [' London', ' Paris'] };
    const one = await engine.decide(request);
    const progress = [];
    const batch = await engine.decide({
      question: 'Is this review positive or negative?',
      options: ['positive', 'negative'],
      texts: ['I love this phone, it is great!', 'Terrible. It broke on the first day, I want my money back.'],
      onProgress: ({ done, total }) => progress.push([done, total]),
    });
    const code = ({ code, details }) => [code, details.field ?? null];
    const stop = new AbortController();
    const many = { question: 'Is it?', options: ['yes', 'no'], texts: Array(100).fill('This is it.') };
    const stopped = engine.decide({ ...many, onProgress: () => stop.abort(), signal: stop.signal }).catch(code);
    const refused = await engine.decide({ ...request, busy: 'refuse' }).catch(code);
    const long = { question: 'Is it?', options: ['a', 'b'], texts: ['x', 'word '.repeat(600)] };
    const { choices } = await engine.completions.create({ prompt: request.prompt, max_tokens: 1, logprobs: 5 });
    const logprob = choices[0].logprobs.top_logprobs[0][' Paris'];
    const full = await engine.decide(long).catch(code);
    return { one, batch, progress, stopped: await stopped, refused, full, logprob };
  });
  assert.equal(found.one.choice, ' Paris');
  const [london, paris] = found.one.options;
  assert.ok(Math.abs(london.probability + paris.probability - 1) < 1e-9);
  assert.ok(Math.abs(paris.logprob - found.logprob) < 1e-3, `${paris.logprob}, not ${found.logprob}`);
  assert.equal(found.batch[0].choice, 'positive');
  // This small model only leans the right way.
  const negative = found.batch.map(({ options }) => options[1].probability);
  assert.ok(negative[1] > negative[0], `${negative}`);
  assert.ok(found.batch[1].timings.tokens < found.batch[0].timings.tokens, 'the question was read once');
  assert.deepEqual(found.progress.at(-1), [2, 2]);
  assert.deepEqual(found.stopped, ['aborted', null]);
  assert.deepEqual(found.refused, ['busy', null]);
  assert.deepEqual(found.full, ['context-full', 'texts[1]']);
}
