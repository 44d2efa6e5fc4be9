// The Prompt API with a real model: code that is written for a browser's built-in model.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { noModel, openPage, startServer, STRICT_CSP, talkingTiny } from '../../support/harness.mjs';

/** A template that rejects messages unless questions and answers alternate, besides calls; like Mistral's. */
const STRICT = `{% set ns = namespace(user=true) %}{% for m in messages %}
{%- if m.role == 'user' or m.role == 'assistant' and not m.tool_calls %}
{%- if (m.role == 'user') != ns.user %}{{ raise_exception('Roles must alternate user/assistant.') }}{% endif %}
{%- set ns.user = not ns.user %}{% endif -%}
[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}
{%- endfor %}[assistant]`;

describe('the Prompt API', { skip: noModel, timeout: 900_000 }, () => {
  let browser;
  let server;
  let page;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer({
      csp: STRICT_CSP,
      files: {
        '/prompt.html': Buffer.from(
          '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/prompt.mjs"></script>',
        ),
        '/strict.gguf': talkingTiny(STRICT),
        '/prompt.mjs': Buffer.from(`import * as promptApi from '/linnet/prompt-api.js';
          window.promptApi = promptApi;
          const { installLanguageModel } = promptApi;
          const options = { modelBase: '/models/', backend: 'cpu', contextLength: 512 };
          window.installed = await installLanguageModel({ preferBuiltIn: true, ...options });`),
      },
    });
    page = await openPage(browser, `${server.origin}/prompt.html`);
    await page.waitForFunction('window.installed');
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  /** Runs a function in the page and returns its errors as the page sees them. */
  const run = (script) => page.evaluate(script);

  test('it is installed if the browser has no model, and downloads when a session is created', async () => {
    const found = await run(async () => {
      const { LanguageModel, installed } = /** @type {any} */ (globalThis);
      const before = await LanguageModel.availability({ expectedInputs: [{ type: 'text', languages: ['en'] }] });
      const progress = [];
      const session = await LanguageModel.create({
        initialPrompts: [{ role: 'system', content: 'You answer in one short sentence.' }],
        monitor: (m) => m.addEventListener('downloadprogress', ({ loaded, total }) => progress.push([loaded, total])),
        temperature: 0,
        topK: 1,
      });
      Object.assign(globalThis, { session });
      return {
        installed,
        before,
        after: await LanguageModel.availability(),
        first: progress[0],
        last: progress.at(-1),
        rising: progress.every(([loaded], i) => i === 0 || loaded > progress[i - 1][0]),
        usage: session.inputUsage,
        quota: session.inputQuota,
      };
    });
    const { usage, ...rest } = found;
    assert.deepEqual(rest, {
      installed: 'linnet',
      before: 'downloadable',
      after: 'available',
      first: [0, 1],
      last: [1, 1],
      rising: true,
      quota: 512,
    });
    assert.ok(usage > 5 && usage < 60, `${usage} tokens`);
  });

  test('a later page needs no download', async (t) => {
    const other = await openPage(browser, `${server.origin}/prompt.html`);
    t.after(() => other.close());
    await other.waitForFunction('window.installed');
    assert.equal(await other.evaluate(() => /** @type {any} */ (globalThis).LanguageModel.availability()), 'available');
  });

  test('it answers, streams and remembers', async () => {
    const [answer, streamed, usages] = await run(async () => {
      const { session } = /** @type {any} */ (globalThis);
      const usages = [session.inputUsage];
      const answer = await session.prompt('What is the capital of France?');
      usages.push(session.inputUsage);
      let streamed = '';
      for await (const piece of session.promptStreaming('And of Italy?')) streamed += piece;
      usages.push(session.inputUsage);
      return [answer, streamed, usages];
    });
    assert.match(answer, /Paris/);
    assert.match(streamed, /Rome/);
    assert.ok(usages[0] < usages[1] && usages[1] < usages[2], String(usages));
  });

  test('the measured usage is the usage', async () => {
    const [measured, used] = await run(async () => {
      const { session } = /** @type {any} */ (globalThis);
      const copy = await session.clone();
      const before = copy.contextUsage;
      const measured = await copy.measureContextUsage([{ role: 'user', content: 'Birds sing at dawn.' }]);
      await copy.append([{ role: 'user', content: 'Birds sing at dawn.' }]);
      const used = copy.contextUsage - before;
      copy.destroy();
      return [measured, used];
    });
    assert.ok(measured > 4 && Math.abs(measured - used) <= 8, `${measured} measured, ${used} used`);
  });

  test('a long conversation loses its beginning, and an input that never fits is rejected', async () => {
    const { overflows, answer, error } = await run(async () => {
      const { session } = /** @type {any} */ (globalThis);
      const copy = await session.clone();
      let overflows = 0;
      copy.addEventListener('quotaoverflow', () => overflows++);
      for (let i = 0; i < 4; i++) await copy.append(`Note ${i}: ${'the sky is blue. '.repeat(20)}`);
      const answer = await copy.prompt('What colour is the sky?');
      const error = await copy
        .prompt('word '.repeat(2000))
        .catch(({ name, requested, quota }) => ({ name, requested, quota }));
      return { overflows, answer, error };
    });
    assert.ok(overflows > 0);
    assert.match(answer, /blue/i);
    assert.equal(error.name, 'QuotaExceededError');
    assert.ok(error.requested > 2000 && error.quota === 512, JSON.stringify(error));
  });

  test('a template that requires an order of messages gets it, with tools, too', async () => {
    const answers = await run(async () => {
      const { languageModel, LanguageModelToolCall } = /** @type {any} */ (globalThis).promptApi;
      const options = { backend: 'cpu', storage: 'none', contextLength: 768 };
      const LanguageModel = languageModel('/strict.gguf', options);
      const user = (content) => ({ role: 'user', content });
      const plain = await LanguageModel.create();
      const value = new LanguageModelToolCall({ callId: 'a', name: 'clock', arguments: {} });
      const asking = await LanguageModel.create({
        tools: [{ name: 'clock', description: 'The time', inputSchema: { type: 'object' } }],
        expectedInputs: [{ type: 'tool-call' }],
        expectedOutputs: [{ type: 'tool-call' }],
        initialPrompts: [user('When?'), { role: 'assistant', content: [{ type: 'tool-call', value }] }],
      });
      const said = (answer) => answer.then((text) => typeof text, String);
      return Promise.all([said(plain.prompt([user('One.'), user('Two?')])), said(asking.prompt('Never mind.'))]);
    });
    assert.deepEqual(answers, ['string', 'object']);
  });

  test('a prefix is continued, including its space', async () => {
    const answer = await run(async () => {
      const other = await /** @type {any} */ (globalThis).LanguageModel.create({ temperature: 0, topK: 1 });
      const question = { role: 'user', content: 'What is the capital of France?' };
      const answer = await other.prompt([
        question,
        { role: 'assistant', content: 'The capital of France is', prefix: true },
      ]);
      other.destroy();
      return answer;
    });
    assert.match(answer, /^ Paris/);
  });

  test('an aborted answer is an AbortError, and a destroyed session an InvalidStateError', async () => {
    const names = await run(async () => {
      const { session } = /** @type {any} */ (globalThis);
      const stop = new AbortController();
      const long = session
        .prompt('Write a very long story about a bird.', { signal: stop.signal })
        .catch(({ name }) => name);
      setTimeout(() => stop.abort(), 300);
      const names = [await long];
      names.push(typeof (await session.prompt('Say hello.')));
      const pending = session.prompt('And another story.').catch(({ name }) => name);
      session.destroy();
      names.push(await pending, await session.prompt('x').catch(({ name }) => name));
      return names;
    });
    assert.deepEqual(names, ['AbortError', 'string', 'InvalidStateError', 'InvalidStateError']);
  });
});
