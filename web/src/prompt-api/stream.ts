import { abortException } from './exceptions.ts';

/**
 * An answer as a stream. It begins at once. An abort fails it without waiting for the engine;
 * cancelling the stream ends the answer.
 */
export function answerStream<T>(
  signal: AbortSignal,
  ask: (signal: AbortSignal) => AsyncIterable<T>,
): ReadableStream<T> {
  const left = new AbortController();
  let open = true;
  const close = (how: () => void) => {
    if (open) how();
    open = false;
  };
  const stream = new ReadableStream<T>({
    start: (controller) => {
      const abort = () => close(() => controller.error(signal.reason));
      signal.addEventListener('abort', abort, { once: true });
      void (async () => {
        try {
          for await (const part of ask(anyOf(signal, left.signal))) if (open) controller.enqueue(part);
          close(() => controller.close());
        } catch (error) {
          close(() => controller.error(error));
        } finally {
          signal.removeEventListener('abort', abort);
        }
      })();
    },
    cancel: () => {
      open = false;
      left.abort(abortException());
    },
  });
  return iterable(stream);
}

/** `AbortSignal.any`, which browsers of before 2024 do not have. */
export function anyOf(...signals: AbortSignal[]): AbortSignal {
  if ('any' in AbortSignal) return AbortSignal.any(signals);
  const any = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) any.abort(signal.reason);
    else signal.addEventListener('abort', () => any.abort(signal.reason), { once: true, signal: any.signal });
  }
  return any.signal;
}

/** Lets `for await` read the stream in browsers that cannot do that (Safari): it is how a page reads an answer. */
function iterable<T>(stream: ReadableStream<T>): ReadableStream<T> {
  if (Symbol.asyncIterator in stream) return stream;
  const read = async function* (this: ReadableStream<T>): AsyncGenerator<T, void> {
    const reader = this.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      // Who leaves the loop wants no more of it; after the end, or a failure, this does nothing.
      await reader.cancel().catch(() => {});
      reader.releaseLock();
    }
  };
  return Object.defineProperty(stream, Symbol.asyncIterator, {
    value: read,
    configurable: true,
    writable: true,
  }) as ReadableStream<T>;
}
