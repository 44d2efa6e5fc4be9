import { wrong } from './plain.ts';

/** A promise that does not wait longer than its caller: it fails with the signal's reason as soon as that is given. */
export async function abortable<T>(signal: AbortSignal, value: Promise<T> | T): Promise<T> {
  const { signal: followed, leave } = follow(signal);
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(followed.reason);
    if (followed.aborted) abort();
    followed.addEventListener('abort', abort, { once: true });
    Promise.resolve(value).then(resolve, reject).finally(leave);
  });
}

/** A signal of our own that is given when a caller's is. */
export interface FollowedSignal {
  readonly signal: AbortSignal;
  /** Stops listening to the caller's, which may outlive many requests. It never throws. */
  leave(): void;
}

/**
 * Follows a caller's signal. It may be another frame's, a polyfill's, or one whose methods throw: after this nothing that it does
 * matters, and browsers take the followed one wherever they want an `AbortSignal`.
 *
 * @throws LinnetError `invalid-request` if it cannot be listened to
 */
export function follow(given: AbortSignal | undefined): FollowedSignal {
  const own = new AbortController();
  if (!given) return { signal: own.signal, leave: () => {} };
  const abort = () => own.abort(reasonOf(given));
  const leave = () => {
    try {
      given.removeEventListener('abort', abort);
    } catch {
      // Whoever cleans up has more to do than this.
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
