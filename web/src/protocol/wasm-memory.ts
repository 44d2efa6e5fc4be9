// How many threads share a memory, and how large it may become.

/** More threads than this wait for each other longer than they help. */
export const MOST_THREADS = 8;

/** Bytes. */
export const PAGE = 65_536;
/** All that an address of 32 bits reaches. */
export const MOST_PAGES = 65_536;
/** A model without its weights: context, tokenizer, activations. */
const ROOM = 512 << 20;
/** The packed weights of some formats take up to three times the file's bytes. */
const GREATEST_GROWTH = 3;
/** Those of the usual formats take hardly more. */
const USUAL_GROWTH = 1.25;

/**
 * Threads that help, of `processors` logical ones: where there are many, they are mostly pairs that share a core, or
 * half of them are slow ones.
 */
export function usualThreads(processors: number | undefined): number {
  const count = processors ?? 1;
  return Math.min(MOST_THREADS, count <= 4 ? count : Math.max(4, Math.ceil(count / 2)));
}

/**
 * How large a shared memory is asked to be able to become, in pages; less from one to the next. The browser sets all of
 * it aside at once, which phones refuse where it is much.
 *
 * @param modelBytes where they are known
 * @param contextLength where somebody chose one: it may be of any size
 */
export function memoryLadder(modelBytes: number | undefined, contextLength: number | undefined): number[] {
  const pages = (bytes: number) => Math.min(MOST_PAGES, Math.ceil(bytes / PAGE));
  const least = pages((modelBytes ?? 0) * USUAL_GROWTH + ROOM / 2);
  const known = modelBytes !== undefined && contextLength === undefined;
  const ladder = [];
  for (let most = known ? pages(modelBytes * GREATEST_GROWTH + ROOM) : MOST_PAGES; most > least; most >>= 1) ladder.push(most);
  return [...ladder, least];
}
