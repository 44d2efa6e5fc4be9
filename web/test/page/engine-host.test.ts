import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineHost } from '../../src/page/engine-host.ts';
import { aborted, LinnetError } from '../../src/protocol/errors.ts';
import type { EngineEvent } from '../../src/protocol/messages.ts';
import { readSignal } from '../../src/protocol/read-options.ts';
import { Clock } from '../fakes/clock.ts';
import { FakeWorker, hostOf, INFO } from '../fakes/fake-worker.ts';

/** An engine in a first worker, and the worker that replaces it. */
function engine(reload?: () => Promise<never>, loadMs?: number) {
  const [first, second] = [new FakeWorker(), new FakeWorker()];
  const host = new EngineHost(hostOf(first), reload ?? (async () => ({ host: hostOf(second), info: INFO })), loadMs);
  return { host, first, second };
}

async function textOf(events: AsyncIterable<EngineEvent>): Promise<string> {
  let text = '';
  for await (const event of events) if (event.type === 'token') text += event.text;
  return text;
}

const isAborted = { name: 'LinnetError', code: 'aborted' };

test('after a request that cannot be serialized, the engine answers the next one', async () => {
  const { host, first } = engine();
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  for (const request of [cyclic, { n: 1n }, { toJSON: () => assert.fail('no') }]) {
    await assert.rejects(textOf(host.ask('generate', request, {})));
  }
  await assert.rejects(textOf(host.ask('generate', {}, { signal: {} as AbortSignal })));
  assert.deepEqual(first.told, []);
  assert.equal(await textOf(host.ask('generate', { prompt: 'x' }, { busy: 'refuse' })), 'ab');
  assert.deepEqual(first.requests, [{ prompt: 'x' }]);
});

test('proxies and functions in a request do no harm', async () => {
  const { host, first } = engine();
  const messages = new Proxy([new Proxy({ role: 'user', content: 'x' }, {})], {});
  assert.equal(await textOf(host.ask('generate', { messages, stop: () => 'x' }, {})), 'ab');
  assert.deepEqual(first.requests, [{ messages: [{ role: 'user', content: 'x' }] }]);
});

/** Signals with a method that fails from its second use on; the first use is the check of the request. */
function oddSignals(): [string, AbortSignal][] {
  return (['aborted', 'addEventListener', 'removeEventListener'] as const).map((fails) => {
    let uses = 0;
    const used = (name: string) => {
      if (name === fails && uses++ > 0) throw new Error(`no ${name}`);
    };
    const odd = {
      get aborted() {
        used('aborted');
        return false;
      },
      addEventListener: () => used('addEventListener'),
      removeEventListener: () => used('removeEventListener'),
    };
    return [fails, odd as unknown as AbortSignal];
  });
}

test('a signal whose methods throw does not block other requests', async () => {
  const { host } = engine();
  for (const [fails, odd] of oddSignals()) {
    const signal = readSignal(odd)!;
    const asking = textOf(host.ask('generate', { prompt: 'x' }, { signal }));
    if (fails === 'removeEventListener') assert.equal(await asking, 'ab');
    else
      await assert.rejects(
        asking,
        ({ code, details }: LinnetError) => code === 'invalid-request' && details['field'] === 'signal',
        fails,
      );
    assert.equal(await textOf(host.ask('generate', { prompt: 'y' }, { busy: 'refuse' })), 'ab', fails);
  }
});

test('an abort that the worker confirms reports the work done', async (t) => {
  const clock = new Clock(t);
  const { host, first } = engine();
  first.slow = true;
  const abort = new AbortController();
  const asking = textOf(host.ask('generate', {}, { signal: abort.signal }));
  await clock.pass(20);
  abort.abort();
  await clock.until(
    assert.rejects(asking, ({ code, details }: LinnetError) => code === 'aborted' && details['usage'] !== undefined),
  );
  first.slow = false;
  assert.equal(await clock.until(textOf(host.ask('generate', {}, { busy: 'refuse' }))), 'ab');
  assert.ok(!first.ended);
});

test('an abort rejects within a second; a new worker answers the waiting requests', async (t) => {
  const clock = new Clock(t);
  const { host, first, second } = engine();
  let changed = 0;
  host.onChange = () => changed++;
  first.slow = true;
  const abort = new AbortController();
  const asking = textOf(host.ask('generate', { prompt: 'hostile' }, { signal: abort.signal }));
  const waiting = textOf(host.ask('generate', { prompt: 'next' }, {}));
  const counting = host.ask('count', { prompt: 'count' }, {}).next();
  await clock.pass(20);
  first.computes = true;
  const before = clock.now;
  abort.abort();
  await clock.until(assert.rejects(asking, isAborted));
  assert.ok(clock.now - before < 1000);
  const later = textOf(host.ask('generate', { prompt: 'later' }, {}));
  assert.deepEqual(await clock.until(Promise.all([waiting, later])), ['aab', 'ab']);
  assert.ok((await clock.until(counting)).value);
  assert.ok(first.ended);
  assert.deepEqual(second.requests, [{ prompt: 'next' }, { prompt: 'later' }]);
  assert.equal(changed, 1);
  assert.ok(clock.now - before < 10_000);
});

test('a slow worker is not replaced if its first step or its load took as long', async (t) => {
  const clock = new Clock(t);
  for (const loadMs of [0, 8000]) {
    const { host, first } = engine(undefined, loadMs);
    if (loadMs === 0) {
      // The first step takes longer than the usual limit of silence.
      first.computes = true;
      const slow = textOf(host.ask('generate', {}, {}));
      await clock.pass(2500);
      first.computes = false;
      first.answer();
      assert.equal(await clock.until(slow), 'ab');
    }
    first.slow = true;
    const abort = new AbortController();
    const asking = textOf(host.ask('generate', {}, { signal: abort.signal }));
    await clock.pass(20);
    first.computes = true;
    abort.abort();
    await clock.until(assert.rejects(asking, isAborted));
    await clock.pass(5500);
    assert.ok(!first.ended);
    first.computes = false;
    await clock.pass(700);
    host.end(aborted({ disposed: true }));
  }
});

test('a worker that recovers a lost device is ended only after a long silence', async (t) => {
  const clock = new Clock(t);
  const pass = (seconds: number) => clock.pass(1000 * seconds);
  for (const silent of [false, true]) {
    const { host, first } = engine();
    first.slow = true;
    const abort = new AbortController();
    const asking = assert.rejects(textOf(host.ask('generate', {}, { signal: abort.signal })), isAborted);
    await pass(1);
    first.say({ type: 'recovering', active: true });
    await pass(1);
    // It loads the model, and ends the cancelled request afterwards.
    if (silent) first.computes = true;
    else first.deafTo = 'cancel';
    abort.abort();
    await pass(1);
    await asking;
    await pass(silent ? 50 : 120);
    assert.ok(!first.ended, silent ? 'silent for a while' : 'it says that it is alive');
    if (!silent) {
      first.say({ type: 'recovering', active: false });
      await pass(50);
      assert.ok(!first.ended);
    }
    await pass(15);
    assert.ok(first.ended, 'the wait is limited');
    host.end(aborted({ disposed: true }));
  }
});

test('leaving a stream also ends a worker that does not respond', async (t) => {
  const clock = new Clock(t);
  const { host, first, second } = engine();
  first.slow = true;
  const before = clock.now;
  const leaving = (async () => {
    for await (const event of host.ask('generate', {}, {})) {
      assert.equal(event.type, 'token');
      first.computes = true;
      break;
    }
  })();
  await clock.until(leaving);
  assert.ok(clock.now - before < 1000);
  assert.equal(await clock.until(textOf(host.ask('generate', {}, { busy: 'refuse' }))), 'ab');
  assert.ok(first.ended && !second.ended);
});

test('a waiting request can be aborted without harm to the current one', async (t) => {
  const clock = new Clock(t);
  const { host, first } = engine();
  first.slow = true;
  const answered = host.ask('generate', { prompt: 'long' }, {});
  await clock.until(answered.next());
  first.computes = true;
  const abort = new AbortController();
  const waiting = textOf(host.ask('generate', { prompt: 'waits' }, { signal: abort.signal }));
  await clock.pass(1);
  abort.abort();
  await clock.until(assert.rejects(waiting, isAborted));
  await clock.pass(6000);
  assert.ok(!first.ended);
  host.end(aborted({ disposed: true }));
  await clock.until(assert.rejects(answered.next(), isAborted));
});

test('if the model cannot be loaded again, all requests fail with the reason', async (t) => {
  const clock = new Clock(t);
  const { host, first } = engine(() => Promise.reject(new LinnetError('network', 'No connection.', { url: 'x' })));
  first.slow = true;
  const abort = new AbortController();
  const asking = textOf(host.ask('generate', {}, { signal: abort.signal }));
  await clock.pass(20);
  first.computes = true;
  const waiting = textOf(host.ask('generate', {}, {}));
  abort.abort();
  await clock.until(assert.rejects(asking, isAborted));
  const lost = ({ code, details, message }: LinnetError) =>
    code === 'network' && details['worker'] === 'silent' && /loaded again: No connection/.test(message);
  await clock.until(assert.rejects(waiting, lost));
  await clock.until(assert.rejects(textOf(host.ask('generate', {}, {})), lost));
  assert.ok(first.ended);
});

test('counting can be aborted, and a worker that continues counting is replaced', async (t) => {
  const clock = new Clock(t);
  const { host, first } = engine();
  first.computes = true;
  const abort = new AbortController();
  const counting = host.ask('count', {}, { signal: abort.signal }).next();
  await clock.pass(1);
  abort.abort();
  await clock.until(assert.rejects(counting, isAborted));
  assert.equal(await clock.until(textOf(host.ask('generate', {}, { busy: 'refuse' }))), 'ab');
  assert.ok(first.ended);
});
