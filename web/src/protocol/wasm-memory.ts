// Chooses the number of threads, and the size of the memory that they share.

/** More threads than this cost more time in waiting than they save. */
export const MOST_THREADS = 8;

/** Bytes. */
export const PAGE = 65_536;
/** The limit of 32-bit addresses. */
export const MOST_PAGES = 65_536;
/** Memory in addition to the weights: context, tokenizer, activations. */
const ROOM = 512 << 20;
/** The packed weights of some formats are up to three times as large as the file. */
const GREATEST_GROWTH = 3;
/** Those of the usual formats are hardly larger. */
const USUAL_GROWTH = 1.25;

/**
 * The useful number of threads for this many logical processors. If there are many, they are mostly pairs that share a
 * core, or half of them are slow.
 */
export function usualThreads(processors: number | undefined): number {
  const count = processors ?? 1;
  return Math.min(MOST_THREADS, count <= 4 ? count : Math.max(4, Math.ceil(count / 2)));
}

/**
 * The maximum sizes to request for a shared memory, in pages, in descending order. The browser reserves the maximum at
 * once, which phones refuse if it is large.
 *
 * @param modelBytes the model's size, if known
 * @param contextLength the requested context length, if any; it may be of any size
 */
export function memoryLadder(modelBytes: number | undefined, contextLength: number | undefined): number[] {
  const pages = (bytes: number) => Math.min(MOST_PAGES, Math.ceil(bytes / PAGE));
  const least = pages((modelBytes ?? 0) * USUAL_GROWTH + ROOM / 2);
  const known = modelBytes !== undefined && contextLength === undefined;
  const ladder = [];
  for (let most = known ? pages(modelBytes * GREATEST_GROWTH + ROOM) : MOST_PAGES; most > least; most >>= 1)
    ladder.push(most);
  return [...ladder, least];
}
