import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinnetError } from '../../src/protocol/errors.ts';
import { loadInWorker, type LoadTask, runInWorker } from '../../src/page/worker-host.ts';
import { Clock } from '../fakes/clock.ts';
import { FakeWorker, INFO, startsOf } from '../fakes/fake-worker.ts';

const TASK: LoadTask = { type: 'load', model: [], backend: 'auto' };
const quiet = () => {};

test('no worker is left if the task cannot be sent or the signal is invalid', async () => {
  const [first, second] = [new FakeWorker(), new FakeWorker()];
  const model = [new Proxy({}, {})] as unknown as LoadTask['model'];
  await assert.rejects(loadInWorker({ ...TASK, model }, quiet, undefined, startsOf(first)), { name: 'LinnetError' });
  const storing = runInWorker({ type: 'store', model: [] }, quiet, {} as AbortSignal, startsOf(second));
  await assert.rejects(storing, { name: 'LinnetError' });
  assert.ok(first.ended && second.ended);
});

test('an aborted signal starts no worker', async () => {
  const start = () => assert.fail('started');
  await assert.rejects(loadInWorker(TASK, quiet, AbortSignal.abort(), start), { code: 'aborted' });
});

test('an abort while a worker computes rejects within a second; the worker is ended seconds later', async (t) => {
  const clock = new Clock(t);
  const worker = new FakeWorker([{ type: 'begun' }]);
  const abort = new AbortController();
  const loading = loadInWorker(TASK, quiet, abort.signal, startsOf(worker));
  await clock.pass(20);
  worker.computes = true;
  const before = clock.now;
  abort.abort();
  await clock.until(assert.rejects(loading, { code: 'aborted' }));
  assert.ok(clock.now - before < 1000);
  await clock.pass(6000);
  assert.ok(worker.ended);
});

test('a load waits until the worker of an aborted load is gone', async (t) => {
  const clock = new Clock(t);
  const [first, second] = [new FakeWorker([{ type: 'begun' }]), new FakeWorker()];
  const abort = new AbortController();
  const loading = loadInWorker(TASK, quiet, abort.signal, startsOf(first));
  await clock.pass(20);
  first.computes = true;
  abort.abort();
  await clock.until(assert.rejects(loading, { code: 'aborted' }));
  const impatient = new AbortController();
  const never = loadInWorker(TASK, quiet, impatient.signal, () => assert.fail('started'));
  impatient.abort();
  await clock.until(assert.rejects(never, { code: 'aborted' }));
  assert.ok(!first.ended);
  await clock.until(loadInWorker(TASK, quiet, undefined, startsOf(second)));
  assert.ok(first.ended);
});

test('a worker that completes an aborted load is ended', async (t) => {
  const clock = new Clock(t);
  const worker = new FakeWorker([{ type: 'begun' }]);
  const abort = new AbortController();
  const loading = loadInWorker(TASK, quiet, abort.signal, startsOf(worker));
  await clock.pass(20);
  abort.abort();
  worker.say({ type: 'loaded', info: INFO });
  await clock.until(assert.rejects(loading, { code: 'aborted' }));
  assert.ok(worker.ended);
});

test('with auto the CPU gets a worker of its own when the GPU fails', async () => {
  const why = { code: 'device-lost', message: 'gone', details: {} } as const;
  const [gpu, cpu] = [new FakeWorker([{ type: 'begun' }, { type: 'gpu-failed', error: why }]), new FakeWorker()];
  const { info } = await loadInWorker(TASK, quiet, undefined, startsOf(gpu, cpu));
  assert.ok(gpu.ended && !cpu.ended);
  assert.deepEqual(info.fallback, why);
  assert.deepEqual(cpu.told, [{ ...TASK, backend: 'cpu' }]);
});

test('a failure ends the worker', async () => {
  const error = { code: 'bad-model', message: 'no', details: { at: 1 } } as const;
  const worker = new FakeWorker([{ type: 'load-failed', error }]);
  await assert.rejects(loadInWorker(TASK, quiet, undefined, startsOf(worker)), (thrown: LinnetError) => {
    assert.deepEqual([thrown.code, thrown.details], [error.code, error.details]);
    return true;
  });
  assert.ok(worker.ended);
});
