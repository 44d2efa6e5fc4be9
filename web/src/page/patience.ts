// How long the page waits for a worker that may be computing, and so hears nothing until it is done.

/** A promise whose abort the worker has not answered after this many milliseconds rejects without it. */
export const ABORT_MS = 700;
/** A worker that is silent for this many milliseconds after an abort is ended. */
export const SILENCE_MS = 5_000;
/** How often the page looks whether a worker is silent. */
const TICK_MS = 500;

/**
 * Waits while the page runs: a page that was frozen, or a device that slept, gives the worker no time either, so that
 * time does not count.
 *
 * @param goesOn asked twice a second, with the milliseconds so far; `false` ends the waiting
 */
export async function waitWhile(goesOn: (waited: number) => boolean): Promise<void> {
  for (let waited = 0; goesOn(waited); waited += TICK_MS) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
}
