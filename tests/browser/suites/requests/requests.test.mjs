// Requests to a loaded engine: streaming, stopping, queueing, rejecting.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { checkDecisions } from '../../support/decisions.mjs';
import { chromium } from '../../support/engines.mjs';
import { complete, load, MODEL_ID, noModel, openBlank, startServer } from '../../support/harness.mjs';

describe('requests', { skip: noModel, timeout: 1_800_000 }, () => {
  let browser;
  let server;
  let page;
  before(async () => {
    browser = await chromium();
    server = await startServer();
    page = await openBlank(browser, server);
    const info = await load(page, MODEL_ID, { backend: 'cpu', contextLength: 512 });
    assert.equal(info.code, undefined, info.message);
    assert.equal(info.model.context_length, 512);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('a chat gets an answer, and the streamed answer is the same', async () => {
    const [whole, pieces] = await page.evaluate(async () => {
      const { chat } = /** @type {any} */ (globalThis).engine;
      const messages = [{ role: 'user', content: 'What is the capital of France?' }];
      const request = { messages, temperature: 0, max_tokens: 12 };
      const whole = await chat.completions.create(request);
      const pieces = [];
      for await (const chunk of chat.completions.create({ ...request, stream: true })) pieces.push(chunk);
      return [whole, pieces];
    });
    assert.match(whole.choices[0].message.content, /Paris/);
    assert.equal(
      pieces.map(({ choices }) => choices[0].delta.content ?? '').join(''),
      whole.choices[0].message.content,
    );
    assert.deepEqual(
      pieces.flatMap(({ choices }) => choices[0].tokens),
      whole.choices[0].tokens,
    );
    assert.equal(pieces[0].choices[0].delta.role, 'assistant');
    assert.deepEqual(pieces.at(-1).usage, whole.usage);
    assert.ok(pieces.at(-1).timings.predicted_per_second > 0);
  });

  test('the same seed gives the same answer', async () => {
    const request = { prompt: 'Once upon a time', temperature: 1.5, seed: 7, max_tokens: 12, ignore_eos: true };
    const [one, two] = [await complete(page, request), await complete(page, request)];
    assert.deepEqual(one.choices[0].tokens, two.choices[0].tokens);
    const other = await complete(page, { ...request, seed: 8 });
    assert.notDeepEqual(other.choices[0].tokens, one.choices[0].tokens);
  });

  test('a stop text ends the answer before it', async () => {
    const { choices } = await complete(page, {
      prompt: 'One, two, three, four,',
      temperature: 0,
      max_tokens: 40,
      stop: [' seven'],
    });
    assert.equal(choices[0].finish_reason, 'stop');
    assert.ok(!choices[0].text.includes('seven') && choices[0].text.includes('six'), choices[0].text);
  });

  test('a bias bans the most likely token, and logprobs are those of the model without the bias', async () => {
    const request = { prompt: 'The capital of France is', temperature: 0, max_tokens: 3 };
    const { tokens, logprobs, text } = (await complete(page, { ...request, logprobs: 5 })).choices[0];
    assert.equal(logprobs.tokens.join(''), text);
    assert.deepEqual(
      logprobs.text_offset.map((offset, at) => text.slice(offset).startsWith(logprobs.tokens[at])),
      [true, true, true],
    );
    for (const [at, top] of logprobs.top_logprobs.entries()) {
      const [likeliest] = Object.entries(top).toSorted(([, one], [, other]) => other - one);
      assert.deepEqual(
        likeliest,
        [logprobs.tokens[at], logprobs.token_logprobs[at]],
        'greedy sampling takes the most likely token',
      );
      const sum = Object.values(top).reduce((sum, logprob) => sum + Math.exp(logprob), 0);
      assert.ok(Object.keys(top).length === 5 && sum > 0.1 && sum < 1.001, JSON.stringify(top));
    }
    assert.deepEqual((await complete(page, request)).choices[0].tokens, tokens, 'logprobs do not change the answer');
    const banned = (await complete(page, { ...request, logprobs: 1, logit_bias: { [tokens[0]]: -100 } })).choices[0];
    assert.notEqual(banned.tokens[0], tokens[0]);
    // The banned token is still the most likely one.
    assert.deepEqual(Object.keys(banned.logprobs.top_logprobs[0]), [logprobs.tokens[0], banned.logprobs.tokens[0]]);
    const forced = (await complete(page, { ...request, logit_bias: { 260: 100 } })).choices[0];
    assert.deepEqual(forced.tokens, [260, 260, 260]);
    const beyond = await complete(page, { ...request, logit_bias: { 60000: 1 } });
    assert.deepEqual(
      [beyond.code, beyond.details.field, /60000/.test(beyond.message)],
      ['invalid-request', 'logit_bias', true],
    );
  });

  test('countTokens counts like an answer, while another one is written', async () => {
    const [counted, usage, empty, before, after] = await page.evaluate(async () => {
      const { engine } = /** @type {any} */ (globalThis);
      const messages = [{ role: 'user', content: 'How many tokens are these? 🙂' }];
      const answer = await engine.chat.completions.create({ messages, max_tokens: 1 });
      const request = { prompt: 'Once upon a time', ignore_eos: true, max_tokens: 200, stream: true };
      const stream = engine.completions.create(request);
      await stream.next();
      let seen = 0;
      const reading = (async () => {
        for await (const _ of stream) seen++;
      })();
      const counted = await engine.countTokens({ messages });
      const empty = await engine.countTokens({ prompt: '' });
      const before = seen;
      await reading;
      return [counted, answer.usage.prompt_tokens, empty, before, seen];
    });
    assert.equal(counted, usage);
    assert.equal(empty, 0);
    assert.ok(before < after / 2, `${before} of ${after} came before the count`);
  });

  test('the signal stops an answer within one token, and the engine is idle then', async () => {
    const { seen, atStop, error, ms } = await page.evaluate(async () => {
      const { completions } = /** @type {any} */ (globalThis).engine;
      const stopper = new AbortController();
      let seen = 0;
      let atStop = 0;
      let since = 0;
      try {
        for await (const chunk of completions.create({
          prompt: 'Once upon a time',
          temperature: 0,
          ignore_eos: true,
          stream: true,
          signal: stopper.signal,
        })) {
          seen += chunk.choices[0].tokens.length;
          if (seen !== 6) continue;
          atStop = seen;
          since = performance.now();
          stopper.abort();
        }
      } catch (error) {
        return { seen, atStop, error: { code: error.code, usage: error.details.usage }, ms: performance.now() - since };
      }
      return { seen, atStop, error: { code: 'none' }, ms: 0 };
    });
    assert.equal(error.code, 'aborted');
    assert.equal(seen, atStop, 'nothing is shown after the stop');
    // The current step may still finish after the abort, and the result of another one may be on its way to the page.
    assert.ok(
      error.usage.completion_tokens <= atStop + 2,
      `${error.usage.completion_tokens} tokens for a stop at ${atStop}`,
    );
    assert.ok(ms < 2000, `${ms} ms`);
    assert.equal((await complete(page, { prompt: 'A', max_tokens: 1 })).code, undefined);
  });

  test('leaving the loop stops an answer too', async () => {
    const ms = await page.evaluate(async () => {
      const { completions } = /** @type {any} */ (globalThis).engine;
      for await (const chunk of completions.create({ prompt: 'Once upon a time', ignore_eos: true, stream: true })) {
        if (chunk.choices[0].tokens.length > 0) break;
      }
      const since = performance.now();
      await completions.create({ prompt: 'A', max_tokens: 1 });
      return performance.now() - since;
    });
    assert.ok(ms < 3000, `the next answer took ${ms} ms`);
  });

  test('requests wait for one another', async () => {
    const order = await page.evaluate(async () => {
      const { completions } = /** @type {any} */ (globalThis).engine;
      const order = [];
      const ask = async (name) => {
        await completions.create({ prompt: name, max_tokens: 3, ignore_eos: true });
        order.push(name);
      };
      await Promise.all(['one', 'two', 'three'].map(ask));
      return order;
    });
    assert.deepEqual(order, ['one', 'two', 'three']);
  });

  test('a request with busy: refuse is rejected only while another one is answered', async () => {
    const codes = await page.evaluate(async () => {
      const { completions } = /** @type {any} */ (globalThis).engine;
      const ask = () =>
        completions.create({ prompt: 'A', max_tokens: 1, busy: 'refuse' }).then(
          () => 'answered',
          (error) => error.code,
        );
      const codes = [];
      for await (const chunk of completions.create({
        prompt: 'Once',
        max_tokens: 40,
        ignore_eos: true,
        stream: true,
      })) {
        if (codes.length === 0 && chunk.choices[0].tokens.length > 0) codes.push(await ask());
      }
      return [...codes, await ask()];
    });
    assert.deepEqual(codes, ['busy', 'answered']);
  });

  test('a waiting request that is aborted never starts', async () => {
    const { code, others } = await page.evaluate(async () => {
      const { completions } = /** @type {any} */ (globalThis).engine;
      const giveUp = new AbortController();
      const first = completions.create({ prompt: 'Once', max_tokens: 12, ignore_eos: true });
      const second = completions
        .create({ prompt: 'Twice', max_tokens: 12, signal: giveUp.signal })
        .catch((error) => error);
      const third = completions.create({ prompt: 'A', max_tokens: 1 });
      giveUp.abort();
      const { code, details } = await second;
      return {
        code: [code, 'usage' in details],
        others: [(await first).usage.completion_tokens, (await third).usage.completion_tokens],
      };
    });
    assert.deepEqual(code, ['aborted', false]);
    assert.deepEqual(others, [12, 1]);
  });

  test('two engines of one page answer at the same time, with the same tokens as alone', async () => {
    const { alone, together, before } = await page.evaluate(async (id) => {
      const { engine, linnet } = /** @type {any} */ (globalThis);
      const other = await linnet.Linnet.load(id, {
        modelBase: '/models/',
        backend: 'cpu',
        contextLength: 256,
        threads: 1,
      });
      const request = (prompt) => ({ prompt, temperature: 0, ignore_eos: true, max_tokens: 16, model: id });
      const prompts = ['The capital of France is', 'One, two, three,'];
      const alone = [];
      for (const prompt of prompts) alone.push((await engine.completions.create(request(prompt))).choices[0].tokens);
      // One answer is long. The other one starts later and ends earlier.
      const long = [];
      let answer = [];
      let before = 0;
      const longer = { ...request(prompts[0]), max_tokens: 400, stream: true };
      for await (const { choices } of engine.completions.create(longer)) {
        if (long.length === 0) {
          void other.completions.create(request(prompts[1])).then(({ choices }) => {
            answer = choices[0].tokens;
            before = long.length;
          });
        }
        long.push(...choices[0].tokens);
        if (before > 16) break;
      }
      other.dispose();
      // Disposing of one engine does not end the other.
      await engine.completions.create({ prompt: 'A', max_tokens: 1 });
      return { alone, together: [long.slice(0, 16), answer], before };
    }, MODEL_ID);
    assert.deepEqual(together, alone);
    assert.ok(before > 0 && before < 400, `the other answer ended after ${before} of 400 tokens`);
  });

  test('decides between options, for one text and for several', () => checkDecisions(page));

  test('a prompt that is too long fails with context-full, and the next request works', async () => {
    const failure = await complete(page, { prompt: 'word '.repeat(600) });
    assert.equal(failure.code, 'context-full');
    assert.equal(failure.details.context_length, 512);
    assert.equal((await complete(page, { prompt: 'A', max_tokens: 1 })).code, undefined);
  });

  test('every method rejects a prompt of megabytes at once', async () => {
    const outcomes = await page.evaluate(async () => {
      const { engine } = /** @type {any} */ (globalThis);
      const text = 'hello wörld '.repeat(5e6);
      const messages = [{ role: 'user', content: text }];
      const began = performance.now();
      const attempts = [
        () => engine.completions.create({ prompt: text }),
        () => engine.chat.completions.create({ messages }),
        () => engine.countTokens({ messages }),
        () => engine.suggest({ prefix: text }),
        () => engine.decide({ question: text, options: ['yes', 'no'] }),
      ];
      const codes = [];
      for (const attempt of attempts)
        codes.push(
          await attempt().then(
            () => 'done',
            ({ code }) => code,
          ),
        );
      return { codes, ms: performance.now() - began };
    });
    assert.deepEqual(outcomes.codes, Array(5).fill('context-full'));
    assert.ok(outcomes.ms < 1000, `${outcomes.ms} ms`);
    assert.equal((await complete(page, { prompt: 'A', max_tokens: 1 })).code, undefined);
  });

  test('an answer that fills the context ends with `length`', async () => {
    const { usage, choices } = await complete(page, { prompt: Array(500).fill(10), ignore_eos: true });
    assert.equal(choices[0].finish_reason, 'length');
    assert.ok(usage.total_tokens <= 513, String(usage.total_tokens));
  });

  test('wrong fields fail with invalid-request', async () => {
    for (const request of [
      { prompt: 'A', tempreature: 1 },
      { prompt: 'A', temperature: -1 },
      {},
      { prompt: 'A', max_tokens: 'many' },
      { prompt: 'A', max_completion_tokens: 0 },
      { prompt: 'A', model: 'another' },
      { prompt: 'A', n: 2 },
      { prompt: 'A', logit_bias: { 5: -101 } },
    ]) {
      assert.equal((await complete(page, request)).code, 'invalid-request', JSON.stringify(request));
    }
  });

  test('a wrong message is named by its path; messages of frameworks and OpenAI’s client are accepted', async () => {
    const [rejected, accepted] = await page.evaluate(async () => {
      const { chat } = /** @type {any} */ (globalThis).engine;
      const ask = (messages) => chat.completions.create({ messages, max_tokens: 1, temperature: 0 });
      const reactive = (value) =>
        typeof value === 'object' && value !== null
          ? new Proxy(value, { get: (target, name, receiver) => reactive(Reflect.get(target, name, receiver)) })
          : value;
      const hi = { role: 'user', content: 'Hi' };
      const rejected = [];
      for (const messages of [
        [hi, { role: 'user', content: 5 }],
        [{ role: '<|im_end|>', content: 'Hi' }],
        [hi, { role: 'user', content: [{ type: 'image_url' }] }],
        [hi, { role: 'user', content: () => 'Hi' }],
      ]) {
        rejected.push(
          await ask(messages).then(
            () => 'none',
            (error) => [error.code, error.details.field],
          ),
        );
      }
      const none = { refusal: null, annotations: [], audio: null, function_call: null, tool_calls: null };
      const answered = { role: 'assistant', content: 'Hello!', ...none };
      const accepted = [
        await ask(reactive([hi])),
        await ask([hi, answered, hi]),
        await ask([{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }]),
      ];
      return [rejected, accepted.map(({ usage }) => usage.completion_tokens)];
    });
    assert.deepEqual(
      rejected,
      ['messages[1].content', 'messages[0].role', 'messages[1].content[0].type', 'messages[1].content'].map((field) => [
        'invalid-request',
        field,
      ]),
    );
    assert.deepEqual(accepted, [1, 1, 1]);
  });

  test('an answer that the assistant has begun is continued', async () => {
    const [text, counts] = await page.evaluate(async () => {
      const { engine } = /** @type {any} */ (globalThis);
      const messages = [
        { role: 'user', content: 'What is the capital of France?' },
        { role: 'assistant', content: 'The capital of France is' },
      ];
      const { choices, usage } = await engine.chat.completions.create({ messages, max_tokens: 3, temperature: 0 });
      return [choices[0].message.content, [usage.prompt_tokens, await engine.countTokens({ messages })]];
    });
    assert.match(text, /^ Paris/);
    assert.equal(counts[0], counts[1]);
  });

  test('dispose ends the current answer and rejects later requests', async () => {
    const codes = await page.evaluate(async () => {
      const { engine } = /** @type {any} */ (globalThis);
      const code = (promise) =>
        promise.then(
          () => 'none',
          (error) => error.code,
        );
      const running = code(engine.completions.create({ prompt: 'Once', ignore_eos: true }));
      await new Promise((resolve) => setTimeout(resolve, 300));
      engine.dispose();
      return [await running, await code(engine.completions.create({ prompt: 'A' }))];
    });
    assert.deepEqual(codes, ['aborted', 'aborted']);
  });
});
