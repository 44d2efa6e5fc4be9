import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { aborted, type LinnetError } from '../../src/protocol/errors.ts';
import { WorkerHost } from '../../src/page/worker-host.ts';

// The page listens for violations of its policy only while a worker starts.

type Listener = (event: object) => void;

/** An EventTarget that counts its listeners. */
const policy = new (class {
  readonly listeners = new Set<Listener>();
  addEventListener(_: string, listener: Listener, { signal }: { signal?: AbortSignal } = {}): void {
    this.listeners.add(listener);
    signal?.addEventListener('abort', () => this.listeners.delete(listener));
  }
  removeEventListener(_: string, listener: Listener): void {
    this.listeners.delete(listener);
  }
})();
let worker: StartingWorker;

class StartingWorker extends EventTarget {
  onmessage: unknown;
  constructor() {
    super();
    worker = this;
  }
  postMessage(): void {}
  terminate(): void {}
}

beforeEach(() => {
  policy.listeners.clear();
  Object.assign(globalThis, { Worker: StartingWorker, origin: 'https://site.example' });
  globalThis.addEventListener = policy.addEventListener.bind(policy) as never;
  globalThis.removeEventListener = policy.removeEventListener.bind(policy) as never;
});

const listening = () => policy.listeners.size;

test('a worker that has started leaves no listener', () => {
  new WorkerHost();
  assert.equal(listening(), 1);
  worker.dispatchEvent(new Event('message'));
  assert.equal(listening(), 0);
});

test('a worker that is ended before its first message leaves no listener', () => {
  for (let count = 0; count < 3; count++) new WorkerHost().end(aborted());
  assert.equal(listening(), 0);
});

test('a worker whose script fails leaves no listener and reports the error', async () => {
  const faults: (LinnetError | undefined)[] = [];
  const host = new WorkerHost();
  host.onEnd = (why) => faults.push(why);
  worker.dispatchEvent(
    Object.assign(new Event('error', { cancelable: true }), { message: 'no such word', filename: 'worker.js' }),
  );
  assert.deepEqual([listening(), faults[0]?.message], [0, 'no such word']);
  const other = new WorkerHost();
  other.onEnd = (why) => faults.push(why);
  for (const hear of policy.listeners)
    hear({ effectiveDirective: 'worker-src', disposition: 'enforce', blockedURI: 'https://site.example/worker.js' });
  worker.dispatchEvent(new Event('error', { cancelable: true }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual([listening(), faults[1]?.code], [0, 'blocked']);
});
