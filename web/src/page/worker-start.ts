import { LinnetError } from '../protocol/errors.ts';
import { fileError, importError } from '../download/package-file.ts';

const SANDBOXED = 'The sandbox of this frame allows no worker. Add allow-same-origin to it.';
const FORBIDDEN =
  "The page's Content-Security-Policy forbids the engine's worker. " +
  "Add 'self' or the package's address to its worker-src.";
const UNTRUSTED =
  "The page's Content-Security-Policy requires a TrustedScriptURL for the address of a worker. " +
  "Remove 'script' from its require-trusted-types-for.";

/**
 * Starts the package's worker.
 *
 * @param onFault called if the script cannot be loaded (`blocked` or `network`), and with errors that the worker does
 * not catch
 * @param ended stops all listening once the worker has been ended
 * @throws LinnetError `blocked`, if the browser refuses at once
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
      // An event without a message means that the script could not be loaded. The page learns the reason from an event
      // that arrives at about the same time.
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
    if (name === 'SecurityError')
      throw globalThis.origin === 'null' ? blocked(SANDBOXED, 'worker') : blocked(FORBIDDEN, 'worker-src');
    if (name === 'TypeError' && 'trustedTypes' in globalThis) throw blocked(UNTRUSTED, 'trusted-types');
    throw error;
  }
}

/** Bundlers recognize this form and include the worker. */
function makeWorker(): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'linnet' });
}

/**
 * Finds out why the worker's script could not be loaded. The browser does not tell, so the page requests the script
 * again.
 */
async function whyMissing(): Promise<LinnetError> {
  const url = workerAddress();
  try {
    const { ok, status, headers } = await fetch(url);
    const type = headers.get('Content-Type');
    // The script loads, so one of its imports does not; or the server sent another file.
    return ok && /javascript/.test(type ?? '') ? importError(url) : fileError(url, { status, type, foreign: ok });
  } catch (error) {
    return fileError(url, undefined, error);
  }
}

/** Bundlers write the script's address into `new Worker`, which is the only place that has it. */
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

/** Reports the end of a worker, which holds a lock as long as it lives; also if the page itself ended it. */
export async function watchWorker(lock: string, gone: (fault: LinnetError) => void): Promise<void> {
  const text = 'The browser ended the engine’s worker. Load the model again.';
  try {
    const { held = [] } = await navigator.locks.query();
    // After the site's data were cleared, a page keeps its old locks, but new workers use others: this cannot be
    // watched.
    if (!held.some(({ name }) => name === lock)) return;
    await navigator.locks.request(lock, () => gone(new LinnetError('internal', text, { worker: 'gone' })));
  } catch {
    // Without locks the end of a worker goes unnoticed.
  }
}

/** Watches whether the page's policy forbids a worker of this origin while ours starts. */
class PolicyWatch {
  forbids = false;
  readonly #hear = ({ effectiveDirective, disposition, blockedURI }: SecurityPolicyViolationEvent) => {
    this.forbids ||=
      effectiveDirective === 'worker-src' && disposition === 'enforce' && blockedURI.startsWith(globalThis.origin);
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
