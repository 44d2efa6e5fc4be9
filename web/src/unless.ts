/** A promise that does not wait longer than its caller: it fails with the signal's reason as soon as that is given. */
export function unless<T>(signal: AbortSignal, value: Promise<T> | T): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    Promise.resolve(value)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}
