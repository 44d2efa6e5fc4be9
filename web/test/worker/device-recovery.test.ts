import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinnetError } from '../../src/protocol/errors.ts';
import type { Loaded } from '../../src/worker/model-load.ts';
import type { Reply, EngineInfo } from '../../src/protocol/messages.ts';
import { RequestQueue } from '../../src/worker/queue.ts';
import { DeviceRecovery } from '../../src/worker/device-recovery.ts';
import { FakeConstraints, FakeEngine, type Log } from '../fakes/fake-engine.ts';

type Outcome = 'loads' | 'no-webgpu' | 'device-lost' | 'out-of-memory';

/**
 * An engine that loses its GPU before the steps with these numbers. Loading the model has these `outcomes`, then
 * succeeds.
 */
function setup(losses: number[], outcomes: Outcome[], mayUseCpu: boolean) {
  const log: Log = [];
  const engine = new FakeEngine(log);
  const answers: Reply[] = [];
  const ended = new Map<number, (answer: Reply) => void>();
  const changes: EngineInfo[] = [];
  const recovering: boolean[] = [];
  let steps = 0;
  const queue = new RequestQueue(
    (answer) => {
      answers.push(answer);
      if (answer.type === 'error' || answer.event.type === 'done') ended.get(answer.id)?.(answer);
    },
    async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (losses.includes(++steps)) engine.lost = true;
    },
    new FakeConstraints(),
  );
  const load = async (backend: 'cpu' | 'webgpu') => {
    log.push(`load ${backend}`);
    const outcome = outcomes.shift() ?? 'loads';
    if (outcome !== 'loads') throw new LinnetError(outcome, outcome);
    return { engine: new FakeEngine([]), info: { backend } } as unknown as Loaded;
  };
  const pause = async () => void log.push('wait');
  queue.serve(
    engine,
    new DeviceRecovery(
      engine,
      load,
      mayUseCpu,
      { changed: (info) => changes.push(info), recovering: (active) => recovering.push(active) },
      pause,
    ),
  );
  const answer = (id: number, tokens: number) =>
    new Promise<Reply>((resolve) => {
      ended.set(id, resolve);
      queue.add(id, JSON.stringify({ prompt: 'a', max_tokens: tokens }));
    });
  const count = (id: number) =>
    answers.filter((a) => a.id === id && a.type === 'event' && a.event.type === 'token').length;
  return { queue, log, answer, changes, recovering, count };
}

const reason = (answer: Reply) =>
  answer.type === 'error' ? answer.error.code : answer.event.type === 'done' && answer.event.finish_reason;

test('an answer continues after its device was lost', async () => {
  const { log, answer, changes, recovering, count } = setup([3], [], false);
  assert.equal(reason(await answer(1, 6)), 'length');
  assert.equal(count(1), 6);
  assert.deepEqual(log, ['start a', 'unload', 'load webgpu', 'replace', 'free a']);
  assert.deepEqual(
    changes.map(({ backend }) => backend),
    ['webgpu'],
  );
  assert.deepEqual(recovering, [true, false]);
});

test('a browser that has no GPU for a while is asked again', async () => {
  const { log, answer } = setup([3], ['no-webgpu', 'no-webgpu'], false);
  assert.equal(reason(await answer(1, 6)), 'length');
  assert.deepEqual(log.slice(1, -1), [
    'unload',
    'load webgpu',
    'wait',
    'load webgpu',
    'wait',
    'load webgpu',
    'replace',
  ]);
});

test('after the second loss in a row the CPU takes over, if it may', async () => {
  for (const outcomes of [[], ['device-lost'], ['out-of-memory']] as Outcome[][]) {
    const why = outcomes[0] ?? 'device-lost';
    const { answer, changes, count } = setup(outcomes.length > 0 ? [3] : [3, 5], outcomes, true);
    assert.equal(reason(await answer(1, 8)), 'length');
    assert.equal(count(1), 8);
    const last = changes.at(-1);
    assert.equal(last?.backend, 'cpu');
    assert.equal(last?.fallback?.code, why);
  }
});

test('without the CPU, the second loss fails this request and all later ones', async () => {
  const { log, answer, count } = setup([3, 5], [], false);
  assert.equal(reason(await answer(1, 8)), 'device-lost');
  assert.equal(count(1), 5);
  assert.equal(reason(await answer(2, 8)), 'device-lost');
  assert.equal(log.filter((entry) => entry.startsWith('load')).length, 1);
});

test('losses with a complete answer between them are not in a row', async () => {
  const { answer, changes } = setup([3, 9, 15], [], false);
  for (const id of [1, 2, 3]) assert.equal(reason(await answer(id, 6)), 'length');
  assert.deepEqual(
    changes.map(({ backend }) => backend),
    ['webgpu', 'webgpu', 'webgpu'],
  );
});

test('an answer that was stopped during the recovery ends', async () => {
  const { queue, answer, log } = setup([3], [], false);
  const ended = answer(1, 1000);
  while (!log.includes('replace')) await new Promise((resolve) => setImmediate(resolve));
  queue.cancel(1);
  assert.equal(reason(await ended), 'cancelled');
});
