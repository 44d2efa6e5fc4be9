// How long the page waits for a worker, which cannot respond while it computes.

/** If the worker has not confirmed an abort after this many milliseconds, the promise rejects without it. */
export const ABORT_MS = 700;
/** A worker that stays silent for this many milliseconds after an abort is ended. */
export const SILENCE_MS = 5_000;
/** The interval at which the page checks for silence. */
const TICK_MS = 500;

/**
 * Waits while the page runs. Time during which the page was frozen or the device slept does not count, since the worker
 * did not run either.
 *
 * @param goesOn asked twice a second, with the milliseconds so far; `false` ends the waiting
 */
export async function waitWhile(goesOn: (waited: number) => boolean): Promise<void> {
  for (let waited = 0; goesOn(waited); waited += TICK_MS) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
}
