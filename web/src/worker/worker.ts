/// <reference path="./worker-scope.d.ts" />
import { ConstraintModule } from './constraint-module.ts';
import { startModule } from './engine-module.ts';
import { aborted, toPlain } from '../protocol/errors.ts';
import { GpuFailed, loadModel } from './load.ts';
import { Pacer } from './pacer.ts';
import type { EngineInfo, FromWorker, ToWorker } from '../protocol/messages.ts';
import { RequestQueue } from './queue.ts';
import { type RecoveryListener, DeviceRecovery } from './device-recovery.ts';
import type { ResolvedModel } from '../protocol/model-files.ts';
import { storeModel } from './store-model.ts';
import { nextTask } from '../protocol/task.ts';
import { throttle } from '../protocol/throttle.ts';

// The worker that owns the wasm module with the model. A worker holds one engine; the page frees both by ending the
// worker.

const scope = globalThis as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};
const loading = new AbortController();
const queue = new RequestQueue((answer) => scope.postMessage(answer), nextTask, new ConstraintModule());

showLife();
scope.onmessage = ({ data }) => {
  switch (data.type) {
    case 'load':
      void load(data);
      break;
    case 'store':
      void store(data.model);
      break;
    case 'abort-load':
      loading.abort();
      break;
    case 'generate':
      queue.add(data.id, data.request, data.pace);
      break;
    case 'steer':
      queue.steer(data.id, data);
      break;
    case 'suggest':
    case 'decide':
      queue.add(data.id, data.request, 'full', data.type);
      break;
    case 'count':
      queue.count(data.id, data.request);
      break;
    case 'cancel':
      queue.cancel(data.id);
      break;
    case 'ping':
      scope.postMessage({ type: 'pong' });
      break;
  }
};

/** Browsers end workers without an error, mostly when memory is short. The page notices by a lock that is released. */
function showLife(): void {
  const lock = `linnet worker ${crypto.getRandomValues(new Uint32Array(4)).join('')}`;
  const held = () => {
    scope.postMessage({ type: 'alive', lock });
    return new Promise<never>(() => {});
  };
  // Without HTTPS there are no locks, and the page notices nothing.
  navigator.locks?.request(lock, held).catch(() => {});
}

/** Starts the module, and tells the page that this worker now receives messages. */
function begin(...wanted: Parameters<typeof startModule>): ReturnType<typeof startModule> {
  const module = startModule(...wanted);
  scope.postMessage({ type: 'begun' });
  return module;
}

async function load(request: Extract<ToWorker, { type: 'load' }>): Promise<void> {
  const report = throttle((progress) => scope.postMessage({ type: 'progress', progress }), 100);
  try {
    report({ phase: 'engine', loaded: 0 });
    const { engine, info, again } = await loadModel(begin, request, report, loading.signal);
    const listener: RecoveryListener = {
      recovering: (active) => scope.postMessage({ type: 'recovering', active }),
      changed(info) {
        queue.pacer = pacerFor(info);
        scope.postMessage({ type: 'changed', info });
      },
    };
    queue.pacer = pacerFor(info);
    queue.serve(engine, new DeviceRecovery(engine, again, request.backend === 'auto', listener));
    const found = engine.measured();
    if (found !== undefined) scope.postMessage({ type: 'measured', found });
    scope.postMessage({ type: 'loaded', info });
  } catch (error) {
    if (error instanceof GpuFailed && !loading.signal.aborted)
      return scope.postMessage({ type: 'gpu-failed', error: error.why });
    scope.postMessage({ type: 'load-failed', error: toPlain(loading.signal.aborted ? aborted() : error) });
  }
}

function pacerFor({ backend }: EngineInfo): Pacer {
  return new Pacer(backend === 'webgpu');
}

async function store(model: ResolvedModel): Promise<void> {
  const report = throttle((progress) => scope.postMessage({ type: 'progress', progress }), 100);
  try {
    const wasm = await begin({ backend: 'webgpu' }, loading.signal);
    scope.postMessage({ type: 'stored', keys: await storeModel(wasm, model, report, loading.signal) });
  } catch (error) {
    scope.postMessage({ type: 'load-failed', error: toPlain(loading.signal.aborted ? aborted() : error) });
  }
}
