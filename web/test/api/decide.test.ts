import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type DecideRequest, readDecide } from '../../src/api/decide.ts';
import { LinnetError } from '../../src/protocol/errors.ts';
import type { DecideEvent } from '../../src/protocol/generated.ts';

const OPTIONS = ['yes', 'no'] as const;
const DECISION = {
  choice: 'yes',
  options: [
    { option: 'yes', probability: 0.75, logprob: -1 },
    { option: 'no', probability: 0.25, logprob: -2.1 },
  ],
  timings: { tokens: 9, ms: 3 },
};

/** Asks an engine that answers with these events; returns also what it got. */
function asked(events: DecideEvent[]) {
  const got: unknown[] = [];
  async function* ask(what: string, request: object, asking: object) {
    got.push([what, request, asking]);
    yield* events;
  }
  return { ask, got };
}

const end = (count: number): DecideEvent => ({
  type: 'decided',
  decisions: Array(count).fill(DECISION),
  finish_reason: 'stop',
});

test('a question gets a decision, and texts get a list of them', async () => {
  const one = asked([{ type: 'deciding', done: 1, total: 1 }, end(1)]);
  assert.deepEqual(await decide(one.ask, { question: 'Is it?', options: OPTIONS }, 100), DECISION);
  assert.deepEqual(one.got, [
    ['decide', { question: 'Is it?', options: ['yes', 'no'] }, { busy: 'queue', signal: undefined }],
  ]);
  for (const texts of [['a'], ['a', 'b']]) {
    const { ask } = asked([end(texts.length)]);
    const decisions = await decide(ask, { question: 'Is it?', options: OPTIONS, texts }, 100);
    assert.deepEqual(decisions, Array(texts.length).fill(DECISION));
  }
});

test('progress is reported', async () => {
  const { ask } = asked([{ type: 'deciding', done: 0, total: 2 }, { type: 'deciding', done: 2, total: 2 }, end(2)]);
  const seen: object[] = [];
  const texts = ['a', 'b'];
  await decide(ask, { question: 'Is it?', options: OPTIONS, texts, onProgress: (p) => void seen.push(p) }, 100);
  assert.deepEqual(seen, [
    { done: 0, total: 2 },
    { done: 2, total: 2 },
  ]);
});

test('the engine gets its own fields as plain data', () => {
  const { signal } = new AbortController();
  const request = { prompt: [1, 2], options: ['a\ud83d', 'b'], texts: null, busy: 'refuse', signal } as const;
  const { fields, asking } = readDecide(request);
  assert.deepEqual(fields, { prompt: [1, 2], options: ['a\ufffd', 'b'] });
  assert.deepEqual(asking, { busy: 'refuse', signal });
  // Each of several texts must fit the context, but not all together.
  const texts = Array(10).fill('x'.repeat(1000));
  assert.deepEqual(readDecide({ question: 'q', options: ['a', 'b'], texts }, 4).fields, {
    question: 'q',
    options: ['a', 'b'],
    texts,
  });
});

test('wrong requests are refused with the field', () => {
  const valid = { question: 'q', options: ['a', 'b'] };
  const refused = (request: unknown, contextLength?: number) => {
    try {
      readDecide(request, contextLength);
    } catch (error) {
      if (error instanceof LinnetError) return [error.code, error.details['field']];
    }
    return assert.fail(`${JSON.stringify(request)} is not refused`);
  };
  assert.deepEqual(refused(null), ['invalid-request', 'request']);
  assert.deepEqual(refused({ ...valid, temperature: 1 }), ['invalid-request', 'temperature']);
  assert.deepEqual(refused({ ...valid, busy: 'wait' }), ['invalid-request', 'busy']);
  assert.deepEqual(refused({ ...valid, signal: {} }), ['invalid-request', 'signal']);
  assert.deepEqual(refused({ ...valid, onProgress: 1 }), ['invalid-request', 'onProgress']);
  assert.deepEqual(refused({ ...valid, options: ['a', () => {}] }), ['invalid-request', 'options[1]']);
  assert.equal(refused({ ...valid, question: 'x'.repeat(5000) }, 4)[0], 'context-full');
});

test('the types know the options, and what excludes what', () => {
  // Only compiled.
  const compiled = (linnet: import('../../src/api/client.ts').Linnet) => [
    linnet.decide({ question: 'q', options: ['a', 'b'] }).then(({ choice }): 'a' | 'b' => choice),
    linnet.decide({ question: 'q', options: ['a', 'b'], texts: ['t'] }).then(([one]): 'a' | 'b' => one!.choice),
    // @ts-expect-error: a prompt has no texts
    linnet.decide({ prompt: 'p', options: ['a', 'b'], texts: ['t'] }),
    // @ts-expect-error: either a question or a prompt
    linnet.decide({ question: 'q', prompt: 'p', options: ['a', 'b'] }),
  ];
  assert.ok(compiled);
  const dynamic: DecideRequest = { messages: [{ role: 'user', content: 'q' }], options: ['a', 'b'] };
  assert.deepEqual(readDecide(dynamic).fields, dynamic);
});
