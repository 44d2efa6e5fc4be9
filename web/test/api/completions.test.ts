import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatCompletions, Completions, type Generate } from '../../src/api/completions.ts';
import type { GenerationEvent, Timings, Usage } from '../../src/protocol/generated.ts';

const USAGE: Usage = { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6, reasoning_tokens: 0 };
const { reasoning_tokens, ...COUNTS } = USAGE;
/** The same in OpenAI's shape. */
const TOLD = { ...COUNTS, completion_tokens_details: { reasoning_tokens } };
const TIMINGS: Timings = {
  prompt_n: 4,
  prompt_ms: 1,
  prompt_per_second: 4000,
  predicted_n: 2,
  predicted_ms: 2,
  predicted_per_second: 1000,
};
const EVENTS: GenerationEvent[] = [
  { type: 'prefill', done: 4, total: 4 },
  { type: 'token', text: 'Hel', token: 7 },
  { type: 'token', text: '', token: 8 },
  { type: 'done', finish_reason: 'stop', text: 'lo', usage: USAGE, timings: TIMINGS },
];

/** An engine with one answer; `seen` records the requests, and whether the caller left early. */
function engine(seen: { request?: any; signal?: AbortSignal | undefined; left?: boolean } = {}): Generate {
  return async function* (request, { signal }) {
    Object.assign(seen, { request, signal, left: true });
    yield* EVENTS;
    seen.left = false;
  };
}

const messages = [{ role: 'user', content: 'Hi' }] as const;

test('a chat answer has OpenAI’s shape', async () => {
  const answer = await new ChatCompletions(engine(), 'm').create({ messages });
  const { id, created, ...rest } = answer;
  assert.match(id, /^chatcmpl-[0-9a-f]{24}$/);
  assert.ok(Math.abs(created - Date.now() / 1000) < 5);
  assert.deepEqual(rest, {
    object: 'chat.completion',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop', tokens: [7, 8] }],
    usage: TOLD,
    timings: TIMINGS,
  });
});

test('a streamed chat answer is the same in chunks, and the last one has the end', async () => {
  const chunks = [];
  for await (const chunk of new ChatCompletions(engine(), 'm').create({ messages, stream: true })) chunks.push(chunk);
  assert.deepEqual(
    chunks.map(({ choices: [choice] }) => choice),
    [
      { index: 0, delta: { role: 'assistant', content: 'Hel' }, finish_reason: null, tokens: [7] },
      { index: 0, delta: { content: '' }, finish_reason: null, tokens: [8] },
      { index: 0, delta: { content: 'lo' }, finish_reason: 'stop', tokens: [] },
    ],
  );
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
  assert.deepEqual(
    chunks.map(({ usage }) => usage),
    [undefined, undefined, TOLD],
  );
  assert.deepEqual(chunks.at(-1)!.timings, TIMINGS);
});

test('a stream may be awaited, like OpenAI’s', async () => {
  const stream = await new Completions(engine(), 'm').create({ prompt: 'x', stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0].text;
  assert.equal(text, 'Hello');
});

test('progress of the prompt is reported only on request', async () => {
  const stream = new Completions(engine(), 'm').create({ prompt: 'x', stream: true, return_progress: true });
  const first = (await stream.next()).value!;
  assert.deepEqual(first.prompt_progress, { processed: 4, total: 4 });
});

test('a completion has OpenAI’s shape', async () => {
  const answer = await new Completions(engine(), 'm').create({ prompt: [1, 2, 3] });
  assert.deepEqual(answer.choices, [{ index: 0, text: 'Hello', finish_reason: 'stop', tokens: [7, 8] }]);
  assert.equal(answer.object, 'text_completion');
});

/** The bytes of "é", each a token, and a "b" that was not the most likely token. */
const LIKELY: GenerationEvent[] = [
  {
    type: 'token',
    text: '',
    token: 7,
    logprobs: {
      token: 7,
      bytes: [0xc3],
      logprob: -0.5,
      offset: 0,
      top: [
        { token: 7, bytes: [0xc3], logprob: -0.5 },
        { token: 1, bytes: [97], logprob: -2 },
      ],
    },
  },
  { type: 'token', text: 'é', token: 8, logprobs: { token: 8, bytes: [0xa9], logprob: 0, offset: 0, top: [] } },
  {
    type: 'token',
    text: 'b',
    token: 9,
    logprobs: {
      token: 9,
      bytes: [98],
      logprob: -3,
      offset: 1,
      top: [
        { token: 1, bytes: [97], logprob: -0.1 },
        { token: 2, bytes: [97], logprob: -0.2 },
      ],
    },
  },
  { type: 'done', finish_reason: 'stop', text: '', usage: USAGE, timings: TIMINGS },
];
const likely: Generate = async function* () {
  yield* LIKELY;
};

test('logprobs of a chat have OpenAI’s shape', async () => {
  const chats = new ChatCompletions(likely, 'm');
  const { logprobs } = (await chats.create({ messages, logprobs: true, top_logprobs: 2 })).choices[0];
  const first = { token: '\\xc3', logprob: -0.5, bytes: [0xc3] };
  const expected = [
    { ...first, top_logprobs: [first, { token: 'a', logprob: -2, bytes: [97] }] },
    { token: '\\xa9', logprob: 0, bytes: [0xa9], top_logprobs: [] },
    {
      token: 'b',
      logprob: -3,
      bytes: [98],
      top_logprobs: [
        { token: 'a', logprob: -0.1, bytes: [97] },
        { token: 'a', logprob: -0.2, bytes: [97] },
      ],
    },
  ];
  assert.deepEqual(logprobs, { content: expected, refusal: null });
  const streamed = [];
  for await (const { choices } of chats.create({ messages, logprobs: true, top_logprobs: 2, stream: true }))
    streamed.push(choices[0].logprobs);
  assert.deepEqual(streamed, [...expected.map((token) => ({ content: [token], refusal: null })), undefined]);
});

test('logprobs of a completion have OpenAI’s older shape', async () => {
  const texts = new Completions(likely, 'm');
  const { logprobs } = (await texts.create({ prompt: 'x', logprobs: 2 })).choices[0];
  const expected = {
    tokens: ['bytes:\\xc3', 'bytes:\\xa9', 'b'],
    token_logprobs: [-0.5, 0, -3],
    top_logprobs: [{ 'bytes:\\xc3': -0.5, a: -2 }, { 'bytes:\\xa9': 0 }, { a: -0.1, b: -3 }],
    text_offset: [0, 0, 1],
  };
  assert.deepEqual(logprobs, expected);
  const streamed = [];
  for await (const { choices } of texts.create({ prompt: 'x', logprobs: 2, stream: true }))
    streamed.push(choices[0].logprobs);
  for (const field of ['tokens', 'token_logprobs', 'top_logprobs', 'text_offset'] as const) {
    const pieces: readonly unknown[][] = streamed.map((logprobs) => logprobs?.[field] ?? []);
    assert.deepEqual(pieces.flat(), expected[field]);
  }
});

test('tokens are paced only for a stream', async () => {
  const paced: unknown[] = [];
  const chats = new ChatCompletions(async function* (_, asking) {
    paced.push(asking.paced);
    yield* EVENTS;
  }, 'm');
  await chats.create({ messages });
  for await (const _ of chats.create({ messages, stream: true }));
  assert.deepEqual(paced, [false, true]);
});

test('the engine gets only fields that it knows and that are set', async () => {
  const seen: Parameters<typeof engine>[0] & object = {};
  const { signal } = new AbortController();
  await new Completions(engine(seen), 'm').create({
    prompt: 'x',
    stream: false,
    signal,
    stop: null,
    seed: 3,
    ignore_eos: true,
  });
  assert.deepEqual(seen.request, { prompt: 'x', seed: 3, ignore_eos: true });
  assert.equal(seen.signal, signal);
});

test('leaving the loop stops the engine', async () => {
  const seen: Parameters<typeof engine>[0] & object = {};
  for await (const _ of new ChatCompletions(engine(seen), 'm').create({ messages, stream: true })) break;
  assert.equal(seen.left, true);
});

test('a stream that is not read sends no request', () => {
  const seen: Parameters<typeof engine>[0] & object = {};
  new ChatCompletions(engine(seen), 'm').create({ messages, stream: true });
  assert.equal(seen.request, undefined);
});
