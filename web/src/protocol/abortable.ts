import { wrong } from './plain.ts';

/** Waits for a value, but rejects with the signal's reason as soon as the signal aborts. */
export async function abortable<T>(signal: AbortSignal, value: Promise<T> | T): Promise<T> {
  const { signal: followed, leave } = follow(signal);
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(followed.reason);
    if (followed.aborted) abort();
    followed.addEventListener('abort', abort, { once: true });
    Promise.resolve(value).then(resolve, reject).finally(leave);
  });
}

/** Our own signal, which aborts with the caller's. */
export interface FollowedSignal {
  readonly signal: AbortSignal;
  /** Stops listening to the caller's signal, which may outlive many requests. Never throws. */
  leave(): void;
}

/**
 * Makes a signal that follows a caller's. The caller's may be from another frame, a polyfill, or one whose methods
 * throw; the new one works wherever browsers expect an `AbortSignal`.
 *
 * @throws LinnetError `invalid-request` if the caller's signal cannot be listened to
 */
export function follow(given: AbortSignal | undefined): FollowedSignal {
  const own = new AbortController();
  if (!given) return { signal: own.signal, leave: () => {} };
  const abort = () => own.abort(reasonOf(given));
  const leave = () => {
    try {
      given.removeEventListener('abort', abort);
    } catch {
      // The caller's cleanup must continue.
    }
  };
  try {
    given.addEventListener('abort', abort);
    if (given.aborted) abort();
  } catch (error) {
    leave();
    throw wrong('signal', given, `cannot be listened to (${String(error)}): pass the \`signal\` of an AbortController`);
  }
  return { signal: own.signal, leave };
}

function reasonOf(signal: AbortSignal): unknown {
  try {
    return signal.reason;
  } catch {
    return undefined;
  }
}
