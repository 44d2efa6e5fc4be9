import { LinnetError } from './errors.ts';

/** Starts the package's worker. @throws LinnetError `blocked` */
export function startWorker(): Worker {
  try {
    // In this form bundlers find the worker and ship it along.
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'linnet' });
  } catch (error) {
    if ((error as DOMException).name !== 'SecurityError') throw error;
    const text = 'The browser starts no worker here: the script is of another origin than the page, which a frame in a sandbox without allow-same-origin has none of.';
    throw new LinnetError('blocked', text, { needs: 'worker', origin: globalThis.origin });
  }
}

/** What a worker's `error` event means. */
export function workerFault(event: ErrorEvent): LinnetError {
  event.preventDefault();
  // Without a message it is the script itself that could not be fetched.
  const message = event.message || 'The worker script could not be loaded.';
  return new LinnetError(event.message ? 'internal' : 'network', message, { script: event.filename });
}

/** Tells when a worker has gone that holds a lock as long as it lives; also when the page itself has ended it. */
export function watchWorker(lock: string, gone: (fault: LinnetError) => void): void {
  const text = 'The browser has ended the engine’s worker, mostly for want of memory.';
  navigator.locks.request(lock, () => gone(new LinnetError('internal', text, { worker: 'gone' }))).catch(() => {});
}
