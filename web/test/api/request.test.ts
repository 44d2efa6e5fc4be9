import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatCompletions, Completions, type Generate } from '../../src/api/completions.ts';
import { LinnetError } from '../../src/protocol/errors.ts';
import { MOST_CHARACTERS } from '../../src/protocol/plain.ts';
import { readCount, readRequest, readSuggest } from '../../src/api/request.ts';
import type { Timings, Usage } from '../../src/protocol/generated.ts';

const NAMES = new Set(['Parrot 1B', 'parrot']);
const messages = [{ role: 'user', content: 'Hi' }] as const;
const USAGE: Usage = { prompt_tokens: 4, completion_tokens: 1, total_tokens: 5, reasoning_tokens: 0 };
const { reasoning_tokens, ...COUNTS } = USAGE;
/** The same in OpenAI's shape. */
const TOLD = { ...COUNTS, completion_tokens_details: { reasoning_tokens } };
const TIMINGS: Timings = {
  prompt_n: 4,
  prompt_ms: 1,
  prompt_per_second: 4000,
  predicted_n: 1,
  predicted_ms: 2,
  predicted_per_second: 500,
};
const generate: Generate = async function* () {
  yield { type: 'token', text: 'Hel', token: 7 };
  yield { type: 'done', finish_reason: 'stop', text: 'lo', usage: USAGE, timings: TIMINGS };
};

/** The `field` for which an attempt is rejected. */
function refusedFor(request: object, subject: 'messages' | 'prompt' = 'messages'): unknown {
  try {
    readRequest(subject, NAMES, request);
  } catch (error) {
    assert.ok(error instanceof LinnetError && error.code === 'invalid-request', String(error));
    assert.ok(error.message.includes(`\`${String(error.details['field'])}\``), error.message);
    return error.details['field'];
  }
  return undefined;
}

test('unsupported fields of OpenAI’s API are rejected by name', () => {
  for (const [field, value] of Object.entries({
    functions: [],
    modalities: ['audio'],
    prediction: {},
    service_tier: 'auto',
    store: true,
    metadata: {},
    user: 'me',
    best_of: 2,
    echo: true,
    suffix: 'x',
    temprature: 1,
    now: [2026, 1, 1, 0, 0, 0],
  })) {
    assert.equal(refusedFor({ messages, [field]: value }), field);
    // Undefined counts as not set for every field.
    assert.equal(refusedFor({ messages, [field]: null }), undefined);
    assert.equal(refusedFor({ messages, [field]: undefined }), undefined);
  }
});

test('an error names the rejected value and the allowed ones', () => {
  for (const [field, value, words] of [
    ['n', 2, 'is 2, but must be 1'],
    ['model', 'gpt', 'is "gpt", but must be the loaded model: '],
    ['busy', 'wait', 'is "wait", but must be "queue" or "refuse"'],
  ] as const) {
    const read = () => readRequest('messages', NAMES, { messages, [field]: value });
    assert.throws(read, (error) => error instanceof LinnetError && error.message.startsWith(`\`${field}\` ${words}`));
  }
});

test('a chat needs messages, and a completion a prompt', () => {
  assert.equal(refusedFor({ messages, prompt: 'x' }), 'prompt');
  assert.equal(refusedFor({ messages, prompt: 'x' }, 'prompt'), 'messages');
});

test('fields with one supported value reject others', () => {
  for (const [request, field] of [
    [{ n: 1 }, undefined],
    [{ n: 2 }, 'n'],
    [{ model: 'parrot' }, undefined],
    [{ model: 'Parrot 1B' }, undefined],
    [{ model: 'gpt-4o' }, 'model'],
    [{ busy: 'queue' }, undefined],
    [{ busy: 'wait' }, 'busy'],
    [{ stream: 'yes' }, 'stream'],
    [{ signal: {} }, 'signal'],
    [{ return_progress: true }, 'return_progress'],
    [{ return_progress: true, stream: true }, undefined],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
    [{ stream: true, stream_options: 'usage' }, 'stream_options'],
    [{ stream: true, stream_options: { include_usage: 1 } }, 'stream_options.include_usage'],
    [{ stream: true, stream_options: { include_obfuscation: true } }, 'stream_options.include_obfuscation'],
    [{ stream: true, stream_options: {} }, undefined],
    [{ logit_bias: {} }, undefined],
    [{ logit_bias: { 5: -100, 6: 100, 0: 0.5 } }, undefined],
    [{ logit_bias: { 5: NaN } }, 'logit_bias.5'],
    [{ logprobs: true }, undefined],
    [{ logprobs: false }, undefined],
    [{ logprobs: 2 }, 'logprobs'],
    [{ logprobs: true, top_logprobs: 20 }, undefined],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    [{ logprobs: true, top_logprobs: 1.5 }, 'top_logprobs'],
    [{ top_logprobs: 3 }, 'top_logprobs'],
  ] as const) {
    assert.equal(refusedFor({ messages, ...request }), field, JSON.stringify(request));
  }
});

test('logprobs is one field in a completion and two in a chat', () => {
  const read = (subject: 'messages' | 'prompt', request: object) =>
    readRequest(subject, NAMES, { [subject]: 'x', ...request }).fields['logprobs'];
  assert.deepEqual(
    [{}, { logprobs: 0 }, { logprobs: 5 }].map((request) => read('prompt', request)),
    [undefined, 0, 5],
  );
  for (const logprobs of [true, 6, -1]) assert.equal(refusedFor({ prompt: 'x', logprobs }, 'prompt'), 'logprobs');
  assert.equal(refusedFor({ prompt: 'x', top_logprobs: 1 }, 'prompt'), 'top_logprobs');
  const chats = [{}, { logprobs: false }, { logprobs: true }, { logprobs: true, top_logprobs: 7 }];
  assert.deepEqual(
    chats.map((request) => read('messages', request)),
    [undefined, undefined, 0, 7],
  );
  assert.deepEqual(readRequest('prompt', NAMES, { prompt: 'x', logit_bias: { 5: 1 } }).fields, {
    prompt: 'x',
    logit_bias: { 5: 1 },
  });
});

test('requests to suggest and countTokens are checked, too', () => {
  const refused = (attempt: () => unknown) => {
    try {
      attempt();
    } catch (error) {
      return (error as LinnetError).details['field'];
    }
    return undefined;
  };
  const { signal } = new AbortController();
  assert.deepEqual(readSuggest({ prefix: 'a', signal }), { fields: { prefix: 'a', words: 3 }, signal });
  assert.deepEqual(readSuggest({ prefix: '', words: 1, within: 50 }).fields, { prefix: '', words: 1, within: 50 });
  for (const [wish, field] of [
    [{}, 'prefix'],
    [{ words: 0 }, 'prefix'],
    [{ prefix: '', words: 11 }, 'words'],
    [{ prefix: '', within: -1 }, 'within'],
    [{ prefix: '', seed: 1 }, 'seed'],
  ] as const) {
    assert.equal(
      refused(() => readSuggest(wish as never)),
      field,
    );
  }
  assert.equal(
    refused(() => readCount({ messages, max_tokens: 1 } as never)),
    'max_tokens',
  );
  assert.deepEqual(readCount({ messages }), { messages });
});

test('max_completion_tokens is max_tokens', () => {
  const read = (request: object) => readRequest('prompt', NAMES, { prompt: 'x', ...request }).fields;
  assert.deepEqual(read({ max_completion_tokens: 5 }), { prompt: 'x', max_tokens: 5 });
  assert.deepEqual(read({ max_completion_tokens: 5, max_tokens: 5 }), { prompt: 'x', max_tokens: 5 });
  assert.equal(refusedFor({ messages, max_completion_tokens: 5, max_tokens: 6 }), 'max_completion_tokens');
});

test('fields for the page are not sent to the worker', () => {
  const { signal } = new AbortController();
  const read = readRequest('messages', NAMES, {
    messages,
    model: 'parrot',
    n: 1,
    stream: true,
    signal,
    busy: 'refuse',
    return_progress: true,
    keep_awake: true,
    seed: 1,
  });
  assert.deepEqual(read, {
    fields: { messages, seed: 1 },
    signal,
    busy: 'refuse',
    policy: { keepAwake: true },
    stream: true,
    progress: true,
    usage: 'end',
  });
});

test('include_usage: true adds a last chunk with usage, and false none', async () => {
  const chats = new ChatCompletions(generate, 'm');
  const own = [];
  for await (const chunk of chats.create({ messages, stream: true, stream_options: { include_usage: true } }))
    own.push(chunk);
  assert.deepEqual(
    own.map(({ choices, usage }) => [choices.length, usage]),
    [
      [1, undefined],
      [1, undefined],
      [0, TOLD],
    ],
  );
  assert.equal(own[1]?.choices[0]?.finish_reason, 'stop');
  const none = [];
  for await (const chunk of chats.create({ messages, stream: true, stream_options: { include_usage: false } }))
    none.push(chunk);
  assert.deepEqual(
    none.map(({ choices, usage }) => [choices.length, usage]),
    [
      [1, undefined],
      [1, undefined],
    ],
  );
  const texts = [];
  for await (const chunk of new Completions(generate, 'm').create({
    prompt: 'x',
    stream: true,
    stream_options: { include_usage: true },
  }))
    texts.push(chunk);
  assert.deepEqual(texts.at(-1)?.usage, TOLD);
  assert.deepEqual(texts.at(-1)?.choices, []);
});

test('a wrong request rejects, a wrong stream throws when read, and neither reaches the engine', async () => {
  const never: Generate = () => assert.fail('asked');
  const chats = new ChatCompletions(never, 'm');
  await assert.rejects(chats.create({ messages, functions: [] } as never) as never, { code: 'invalid-request' });
  const stream = chats.create({ messages, stream: true, n: 2 as never });
  await assert.rejects(stream.next(), { code: 'invalid-request' });
});

test('a request is read when it is made', async () => {
  let asked: object | undefined;
  const keeps: Generate = async function* (request, asking) {
    asked = request;
    yield* generate(request, asking);
  };
  const conversation = [{ role: 'user' as const, content: 'Hi' }];
  const stream = new ChatCompletions(keeps, 'm').create({ messages: conversation, stream: true });
  conversation.push({ role: 'user', content: 'Later' });
  for await (const _ of stream);
  assert.deepEqual(asked, { messages });
});

test('a prompt that cannot fit is rejected before it is copied', () => {
  const long = 'x'.repeat(MOST_CHARACTERS / 2 + 1);
  const parts = [
    {
      role: 'user',
      content: [
        { type: 'text', text: long },
        { type: 'text', text: long },
      ],
    },
  ];
  const small = 64 * 1024 + 1;
  const beyond = { name: 'LinnetError', code: 'context-full' };
  for (const [attempt, characters] of [
    [() => readRequest('prompt', NAMES, { prompt: long + long }), MOST_CHARACTERS + 2],
    [() => readRequest('messages', NAMES, { messages: parts }), undefined],
    [() => readRequest('prompt', NAMES, { prompt: 'x'.repeat(small) }, 64), small],
    [
      () => readRequest('messages', NAMES, { messages: [{ role: 'user', content: 'x'.repeat(small - 4) }] }, 64),
      undefined,
    ],
    [() => readSuggest({ prefix: 'x'.repeat(small) }, 64), small],
    [() => readCount({ prompt: long + long }), MOST_CHARACTERS + 2],
  ] as const) {
    const began = performance.now();
    assert.throws(attempt, (error: LinnetError) => {
      if (characters) assert.equal(error.details['characters'], characters);
      return error instanceof LinnetError && error.code === beyond.code && error.message.length < 200;
    });
    assert.ok(performance.now() - began < 500);
  }
  // The engine counts whether it fits; countTokens has no limit.
  assert.ok(readRequest('prompt', NAMES, { prompt: 'x'.repeat(small - 1) }, 64));
  assert.ok(readCount({ prompt: 'x'.repeat(small) }));
  assert.equal(refusedFor({ prompt: 'x', stop: long + long }, 'prompt'), 'stop');
});

test('a signal of another frame is accepted, and an invalid one is named', () => {
  const foreign = { aborted: false, addEventListener() {}, removeEventListener() {} };
  assert.equal(readRequest('messages', NAMES, { messages, signal: foreign }).signal, foreign);
  const throws = (name: string) => Object.defineProperty({ ...foreign }, name, { get: () => assert.fail('no') });
  // A browser's signal behaves like this through a proxy.
  const illegal = () => assert.fail('Illegal invocation');
  const proxy = { [Symbol.toStringTag]: 'AbortSignal', addEventListener: illegal };
  const bad = [{}, 7, proxy, throws('aborted'), throws('addEventListener'), throws('removeEventListener')];
  for (const given of bad) {
    assert.equal(refusedFor({ messages, signal: given }), 'signal');
    assert.throws(() => readSuggest({ prefix: '', signal: given as never }), { code: 'invalid-request' });
  }
  assert.throws(() => readRequest('messages', NAMES, { messages, signal: proxy }), /not a proxy of it/);
});
