import { LinnetError } from '../protocol/errors.ts';
import { fileError, importError } from '../download/package-file.ts';

const SANDBOXED = 'The sandbox of this frame allows no worker. Add allow-same-origin to it.';
const FORBIDDEN = "The page's Content-Security-Policy forbids the engine's worker. Add 'self' or the package's address to its worker-src.";
const UNTRUSTED = "The page's Content-Security-Policy requires a TrustedScriptURL for the address of a worker. Remove 'script' from its require-trusted-types-for.";

/**
 * Starts the package's worker.
 *
 * @param onFault hears that the script cannot be loaded, which is `blocked` or `network`, and what the worker itself does not catch
 * @param ended tells that the worker has been ended: nothing is listened to any more
 * @throws LinnetError `blocked`, where the browser refuses at once
 */
export function startWorker(onFault: (fault: LinnetError) => void, ended: AbortSignal): Worker {
  const policy = new PolicyWatch(ended);
  try {
    const worker = makeWorker();
    worker.addEventListener('message', () => policy.end(), { once: true });
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      if (event.message) policy.end();
      if (event.message) return onFault(new LinnetError('internal', event.message, { script: event.filename }));
      // Without a message it is the script itself that could not be fetched. The page hears why in an event of its own, about now.
      setTimeout(() => {
        policy.end();
        if (policy.forbids) onFault(blocked(FORBIDDEN, 'worker-src'));
        else void whyMissing().then(onFault);
      });
    });
    return worker;
  } catch (error) {
    policy.end();
    const { name } = error as Error;
    if (name === 'SecurityError') throw globalThis.origin === 'null' ? blocked(SANDBOXED, 'worker') : blocked(FORBIDDEN, 'worker-src');
    if (name === 'TypeError' && 'trustedTypes' in globalThis) throw blocked(UNTRUSTED, 'trusted-types');
    throw error;
  }
}

/** In this form bundlers find the worker and ship it along. */
function makeWorker(): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'linnet' });
}

/** Why the worker's script could not be loaded. The browser does not tell the page, so it is asked for once more. */
async function whyMissing(): Promise<LinnetError> {
  const url = workerAddress();
  try {
    const { ok, status, headers } = await fetch(url);
    const type = headers.get('Content-Type');
    // A script that can be had imports one that cannot, or another file is served in its place.
    return ok && /javascript/.test(type ?? '') ? importError(url) : fileError(url, { status, type, foreign: ok });
  } catch (error) {
    return fileError(url, undefined, error);
  }
}

/** Bundlers write the script's address into `new Worker`, and nothing else tells it. */
function workerAddress(): string {
  const { Worker: own } = globalThis;
  let address = '';
  const Recorder = class {
    constructor(url: string | URL) {
      address = new URL(url, globalThis.document?.baseURI).href;
    }
  };
  try {
    globalThis.Worker = Recorder as unknown as typeof Worker;
    makeWorker();
  } finally {
    globalThis.Worker = own;
  }
  return address;
}

/** Tells when a worker has gone that holds a lock as long as it lives; also when the page itself has ended it. */
export async function watchWorker(lock: string, gone: (fault: LinnetError) => void): Promise<void> {
  const text = 'The browser ended the engine’s worker. Load the model again.';
  try {
    const { held = [] } = await navigator.locks.query();
    // A page whose site data were cleared keeps its old locks, and its new workers have others: there is nothing to watch.
    if (!held.some(({ name }) => name === lock)) return;
    await navigator.locks.request(lock, () => gone(new LinnetError('internal', text, { worker: 'gone' })));
  } catch {
    // Without locks a worker that dies says nothing.
  }
}

/** Hears whether the page's policy forbids a worker of this origin while ours starts. */
class PolicyWatch {
  forbids = false;
  readonly #hear = ({ effectiveDirective, disposition, blockedURI }: SecurityPolicyViolationEvent) => {
    this.forbids ||= effectiveDirective === 'worker-src' && disposition === 'enforce' && blockedURI.startsWith(globalThis.origin);
  };

  constructor(ended: AbortSignal) {
    globalThis.addEventListener('securitypolicyviolation', this.#hear, { signal: ended });
  }

  end(): void {
    globalThis.removeEventListener('securitypolicyviolation', this.#hear);
  }
}

function blocked(text: string, needs: string): LinnetError {
  return new LinnetError('blocked', text, { needs, origin: globalThis.origin });
}
