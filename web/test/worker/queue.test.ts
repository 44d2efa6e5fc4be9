import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Reply, isLast } from '../../src/protocol/messages.ts';
import { RequestQueue } from '../../src/worker/queue.ts';
import { FakeConstraints, FakeEngine, type Log } from '../fakes/fake-engine.ts';

/** A queue with a fake engine, and the messages that it posts. */
function queue(): { queue: RequestQueue; answers: Reply[]; log: Log; ended: (id: number) => Promise<Reply> } {
  const answers: Reply[] = [];
  const waiting = new Map<number, (answer: Reply) => void>();
  const log: Log = [];
  const made = new RequestQueue(
    (answer) => {
      answers.push(answer);
      if (isLast(answer)) waiting.get(answer.id)?.(answer);
    },
    turn,
    new FakeConstraints(log),
  );
  made.serve(new FakeEngine(log));
  const ended = (id: number) =>
    new Promise<Reply>((resolve) => {
      const already = answers.find((answer) => answer.id === id && isLast(answer));
      if (already) resolve(already);
      else waiting.set(id, resolve);
    });
  return { queue: made, answers, log, ended };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const tokens = (answers: Reply[], id: number) =>
  answers.filter((answer) => answer.id === id && answer.type === 'event' && answer.event.type === 'token').length;

test('requests are answered in order', async () => {
  const { queue: q, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 3 }));
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 2 }));
  await ended(2);
  assert.deepEqual(log, ['start a', 'free a', 'start b', 'free b']);
});

test('a stopped request emits only tokens that were in transit', async () => {
  const { queue: q, answers, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 1_000_000 }));
  while (tokens(answers, 1) < 5) await turn();
  const before = tokens(answers, 1);
  q.cancel(1);
  const last = await ended(1);
  assert.ok(last.type === 'event' && last.event.type === 'done' && last.event.finish_reason === 'cancelled');
  assert.ok(tokens(answers, 1) <= before + 1, `${tokens(answers, 1)} tokens after a stop at ${before}`);
});

test('a waiting request can be removed from the queue', async () => {
  const { queue: q, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 3 }));
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 2 }));
  q.cancel(2);
  const last = await ended(2);
  assert.ok(last.type === 'error' && last.error.code === 'aborted');
  await ended(1);
  assert.ok(!log.includes('start b'));
});

test('a rejected request does not block the next one', async () => {
  const { queue: q, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'refuse' }));
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 1 }));
  const first = await ended(1);
  assert.ok(first.type === 'error' && first.error.code === 'invalid-request');
  assert.deepEqual(first.error.details, { field: 'prompt' });
  assert.equal((await ended(2)).type, 'event');
});

test('after a trap the wasm is not called again', async () => {
  const { queue: q, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'trap', max_tokens: 1 }));
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 1 }));
  for (const id of [1, 2]) {
    const last = await ended(id);
    assert.ok(last.type === 'error' && last.error.code === 'internal');
  }
  assert.deepEqual(log, ['start trap']);
});

test('a paused answer emits no token, and continues where it stopped', async () => {
  const { queue: q, answers, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 100 }));
  while (tokens(answers, 1) < 5) await turn();
  q.steer(1, { hold: true, pace: 'full' });
  await turn();
  const held = tokens(answers, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(tokens(answers, 1), held);
  q.steer(1, { hold: false, pace: 'full' });
  await ended(1);
  assert.equal(tokens(answers, 1), 100);
});

test('a paused answer can be stopped, and the next one starts', async () => {
  const { queue: q, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 100 }));
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 1 }));
  q.steer(1, { hold: true, pace: 'full' });
  q.steer(2, { hold: true, pace: 'full' });
  await turn();
  q.cancel(1);
  const last = await ended(1);
  assert.ok(last.type === 'event' && last.event.type === 'done' && last.event.finish_reason === 'cancelled');
  q.steer(2, { hold: false, pace: 'full' });
  await ended(2);
  q.steer(3, { hold: true, pace: 'full' });
});

test('a gentle answer rests, and a stop ends the rest', async () => {
  const { queue: q, answers, ended } = queue();
  const asked: unknown[] = [];
  q.pacer.rest = (pace, token) => {
    asked.push([pace, token]);
    return pace === 'gentle' ? 60_000 : 0;
  };
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 10 }), 'gentle');
  while (asked.length === 0) await turn();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual([asked, tokens(answers, 1)], [[['gentle', true]], 1]);
  q.steer(1, { hold: false, pace: 'full' });
  await ended(1);
  assert.equal(tokens(answers, 1), 10);
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 10 }), 'gentle');
  while (asked.length < 11) await turn();
  q.cancel(2);
  await ended(2);
  assert.ok(tokens(answers, 2) <= 2);
});

test('counting does not wait for the answer, only for its step', async () => {
  const { queue: q, answers, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 1_000_000 }));
  while (tokens(answers, 1) < 3) await turn();
  q.count(2, JSON.stringify({ prompt: 'four' }));
  q.count(3, JSON.stringify({ prompt: 'refuse' }));
  const counted = await ended(2);
  assert.deepEqual(counted, { type: 'event', id: 2, event: { type: 'counted', tokens: 4 } });
  const refused = await ended(3);
  assert.ok(refused.type === 'error' && refused.error.code === 'invalid-request');
  q.cancel(1);
  await ended(1);
  q.count(4, JSON.stringify({ prompt: 'idle' }));
  assert.equal((await ended(4)).type, 'event');
  assert.deepEqual(log, ['start a', 'count four', 'free a', 'count idle']);
});

test('nothing is counted while a step runs', async () => {
  const { queue: q, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 1 }));
  // The first step has started and its promise is pending.
  q.count(2, JSON.stringify({ prompt: 'x' }));
  assert.deepEqual(log, ['start a']);
  await Promise.all([ended(1), ended(2)]);
  assert.ok(log.includes('count x'));
});

test('suggestions take turns with answers, and can be stopped', async () => {
  const { queue: q, answers, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 2 }));
  q.add(2, JSON.stringify({ prefix: 'wo' }), 'full', 'suggest');
  q.add(3, JSON.stringify({ prefix: 'no' }), 'full', 'suggest');
  await ended(1);
  const found = await ended(2);
  assert.ok(
    found.type === 'event' &&
      found.event.type === 'words' &&
      found.event.finish_reason === 'stop' &&
      found.event.begun === 'wo',
  );
  while (!answers.some(({ id }) => id === 3)) await turn();
  q.cancel(3);
  const ending = await ended(3);
  assert.ok(ending.type === 'event' && ending.event.type === 'words' && ending.event.finish_reason === 'cancelled');
  assert.deepEqual(log, ['start a', 'free a', 'suggest wo', 'free wo', 'suggest no', 'free no']);
});

test('decisions report their progress, and can be stopped', async () => {
  const { queue: q, answers, log, ended } = queue();
  q.add(1, JSON.stringify({ texts: ['a', 'b'] }), 'full', 'decide');
  const decided = await ended(1);
  assert.ok(decided.type === 'event' && decided.event.type === 'decided');
  assert.deepEqual(
    decided.event.decisions.map(({ choice }) => choice),
    ['a', 'b'],
  );
  const steps = answers.flatMap((answer) =>
    answer.type === 'event' && answer.event.type === 'deciding' ? [answer.event.done] : [],
  );
  assert.deepEqual(steps, [1, 2]);
  q.add(2, JSON.stringify({ texts: Array(100).fill('c') }), 'full', 'decide');
  while (!answers.some(({ id }) => id === 2)) await turn();
  q.cancel(2);
  const ending = await ended(2);
  assert.ok(ending.type === 'event' && ending.event.type === 'decided' && ending.event.finish_reason === 'cancelled');
  assert.deepEqual(log.slice(0, 2), ['decide a,b', 'free']);
});

test('every cancellation is confirmed, even for an unknown request', async () => {
  const { queue: q, ended } = queue();
  q.cancel(7);
  const last = await ended(7);
  assert.ok(last.type === 'error' && last.error.code === 'aborted');
});

test('a request that is cancelled while the last answer ends is not started', async () => {
  const log: Log = [];
  const q: RequestQueue = new RequestQueue(
    () => {},
    async () => {
      await turn();
      // The page's messages are received now.
      if (log.includes('free a')) q.cancel(2);
    },
    new FakeConstraints(),
  );
  q.serve(new FakeEngine(log));
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 1 }));
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 1 }));
  for (let i = 0; i < 20; i++) await turn();
  assert.deepEqual(log, ['start a', 'free a']);
});

test('only an answer with a form prepares constraints', async () => {
  const { queue: q, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 1 }));
  q.add(2, JSON.stringify({ prompt: 'b', max_tokens: 1, regex: 'x' }));
  await ended(2);
  assert.deepEqual(log, ['start a', 'free a', 'prepare', 'compile x', 'start b', 'free b']);
});

test('constraints start again after too much work, and not after a wrong one', async () => {
  const { queue: q, log, ended } = queue();
  for (const [id, regex] of ['invalid', 'too-complex', 'x'].entries())
    q.add(id, JSON.stringify({ prompt: 'a', max_tokens: 1, regex }));
  for (const id of [0, 1]) {
    const last = await ended(id);
    assert.ok(last.type === 'error' && last.error.code === 'bad-constraint');
  }
  await ended(2);
  const [wrong, complex] = [
    ['prepare', 'compile invalid'],
    ['prepare', 'compile too-complex', 'reset'],
  ];
  assert.deepEqual(log, [...wrong!, ...complex!, 'prepare', 'compile x', 'start a', 'free a']);
});

test('a request can be cancelled while constraints are prepared', async () => {
  const { queue: q, log, ended } = queue();
  q.add(1, JSON.stringify({ prompt: 'a', max_tokens: 1, regex: 'x' }));
  q.cancel(1);
  const last = await ended(1);
  assert.ok(last.type === 'error' && last.error.code === 'aborted');
  assert.deepEqual(log, ['prepare']);
});
