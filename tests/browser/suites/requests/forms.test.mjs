// Answers that must have a form: a module of its own holds them to it, which only such a request fetches.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium, firefox } from '../../support/engines.mjs';
import { load, MODEL_ID, noModel, startServer, STRICT_CSP } from '../../support/harness.mjs';
import { noWebKit, webkit } from '../../support/webkit.mjs';

const MODULE = 'constraint_bg.wasm';
const SCHEMA = {
  type: 'object',
  properties: {
    city: { type: 'string', maxLength: 20 },
    population: { type: 'integer', minimum: 0, maximum: 99_999_999 },
    continent: { enum: ['Africa', 'Asia', 'Europe', 'America'] },
  },
  required: ['city', 'population', 'continent'],
  additionalProperties: false,
};
const asked = (content, form) => ({
  messages: [{ role: 'user', content }],
  temperature: 0,
  max_tokens: 80,
  ...form,
});
const schema = (schema) => ({ response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } } });

/** Opens a page whose browser ends with it. */
const open = async (browser) => {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error('error in the page:', String(error)));
  return Object.assign(page, { close: () => browser.close() });
};
const ENGINES = [
  { name: 'Chromium', start: async () => open(await chromium({ webgpu: false })), skip: false },
  { name: 'Firefox', start: async () => open(await firefox()), skip: false },
  { name: 'WebKitGTK', start: () => webkit(), skip: noWebKit },
];

for (const { name, start, skip } of ENGINES) {
  describe(`forms in ${name}`, { skip: skip || noModel, timeout: 300_000 }, () => {
    let server;
    let page;
    before(async () => {
      server = await startServer({ csp: STRICT_CSP });
      page = await start();
      await page.goto(`${server.origin}/blank.html`);
      await page.waitForFunction('window.linnet');
      const info = await load(page, MODEL_ID, { backend: 'cpu', contextLength: 512 });
      assert.equal(info.code, undefined, info.message);
    });
    after(async () => {
      await page?.close();
      await server?.close();
    });
    /** The text of an answer and why it ended, or the error, with the time. */
    const answer = (request) =>
      page.evaluate(async (request) => {
        const began = performance.now();
        const { chat } = /** @type {any} */ (globalThis).engine;
        try {
          const { choices, usage } = await chat.completions.create(request);
          const { message, finish_reason: end } = choices[0];
          const ms = performance.now() - began;
          return { text: message.content, calls: message.tool_calls, end, tokens: usage.completion_tokens, ms };
        } catch (/** @type {any} */ error) {
          return { code: error.code, message: error.message, details: error.details, ms: performance.now() - began };
        }
      }, request);

    test('a free answer does not fetch the module', async () => {
      const { text } = await answer(asked('What is the capital of France?', { max_tokens: 8 }));
      assert.match(text, /Paris/);
      assert.equal(server.count(MODULE), 0);
    });

    test('a module that does not arrive is an error, and is fetched again', async () => {
      server.faults.set(`/linnet/${MODULE}`, { status: 404, times: 1 });
      const { code, details } = await answer(asked('Yes or no?', { choices: ['yes', 'no'] }));
      assert.deepEqual([code, details.part, details.status], ['not-found', 'engine', 404]);
      server.faults.set(`/linnet/${MODULE}`, { breakAt: 1000, times: 1 });
      assert.equal((await answer(asked('Yes or no?', { choices: ['yes', 'no'] }))).code, 'network');
    });

    test('an answer is one of the choices, and later ones do not fetch the module again', async (t) => {
      const question = 'Is the sky blue or green?';
      const first = await answer(asked(question, { choices: ['It is blue.', 'It is green.'] }));
      assert.ok(['It is blue.', 'It is green.'].includes(first.text), JSON.stringify(first));
      assert.equal(first.end, 'stop');
      server.requests.length = 0;
      const next = await answer(asked(question, { choices: ['It is blue.', 'It is green.'] }));
      assert.equal(next.text, first.text);
      assert.equal(server.count(MODULE), 0);
      t.diagnostic(`the first such request took ${first.ms.toFixed()} ms, the next one ${next.ms.toFixed()} ms`);
    });

    test('JSON fits its schema', async (t) => {
      const { text, end, tokens, ms } = await answer(asked('Describe the city of Paris.', schema(SCHEMA)));
      assert.equal(end, 'stop', text);
      const value = JSON.parse(text);
      assert.deepEqual(Object.keys(value), Object.keys(SCHEMA.properties));
      assert.ok(typeof value.city === 'string' && [...value.city].length <= 20, text);
      assert.ok(Number.isInteger(value.population) && value.population >= 0, text);
      assert.ok(SCHEMA.properties.continent.enum.includes(value.continent), text);
      t.diagnostic(`${text} in ${ms.toFixed()} ms, ${tokens} tokens`);
    });

    test('a required call fits the schema of its tool', async () => {
      const tool = (name, properties) => {
        const parameters = {
          type: 'object',
          properties,
          required: Object.keys(properties),
          additionalProperties: false,
        };
        return { type: 'function', function: { name, parameters } };
      };
      const tools = [
        tool('find_city', SCHEMA.properties),
        tool('convert', { amount: { type: 'integer', maximum: 99 } }),
      ];
      const answered = await answer(asked('Tell me about Lyon.', { tools, tool_choice: 'required' }));
      assert.equal(answered.end, 'tool_calls', JSON.stringify(answered));
      for (const { function: called } of answered.calls) {
        const { city, population, continent, amount } = JSON.parse(called.arguments);
        if (called.name === 'convert') assert.ok(Number.isInteger(amount) && amount <= 99, called.arguments);
        else assert.ok(city.length <= 20 && population >= 0 && SCHEMA.properties.continent.enum.includes(continent));
      }
    });

    test('text fits an expression, also when it is cut', async () => {
      const regex = '[A-Z][a-z]+(, [A-Z][a-z]+){2}\\.';
      const { text, end } = await answer(asked('Name three capitals.', { regex }));
      assert.match(text, new RegExp(`^${regex}$`));
      assert.equal(end, 'stop');
      const cut = await answer(asked('Name three capitals.', { regex, max_tokens: 3 }));
      assert.equal(cut.end, 'length');
      assert.ok(text.startsWith(cut.text) && cut.text !== text, JSON.stringify([cut, text]));
    });

    test('a schema that cannot be enforced is an error with its path, and the next answer works', async () => {
      const wrong = { type: 'object', properties: { a: { type: 'strin' } } };
      const { code, details, message } = await answer(asked('Hi', schema(wrong)));
      assert.equal(code, 'bad-constraint', message);
      assert.deepEqual(
        [details.field, details.kind, details.path],
        ['response_format', 'invalid', '/properties/a/type'],
      );
      assert.ok(message.includes(details.reason) && message.includes(details.path), message);
      const complex = await answer(asked('Hi', { regex: '((a{1,9999}){1,9999}){1,9999}' }));
      assert.deepEqual([complex.code, complex.details?.kind], ['bad-constraint', 'too-complex'], complex.text);
      assert.equal((await answer(asked('Yes or no?', { choices: ['yes'] }))).text, 'yes');
      assert.equal(server.count(MODULE), 0, 'it is started again without fetching it');
    });
  });
}
