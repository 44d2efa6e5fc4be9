import { LinnetError } from './errors.ts';

/** Starts the package's worker. */
export function startWorker(): Worker {
  // In this form bundlers find the worker and ship it along.
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'linnet' });
}

/** What a worker's `error` event means. */
export function workerFault(event: ErrorEvent): LinnetError {
  event.preventDefault();
  // Without a message it is the script itself that could not be fetched.
  const message = event.message || 'The worker script could not be loaded.';
  return new LinnetError(event.message ? 'internal' : 'network', message, { script: event.filename });
}
