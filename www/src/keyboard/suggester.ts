import type { Linnet, Suggestions } from 'linnet';

/**
 * How much of the text's end the model gets, in characters. It starts at a multiple of STRIDE, so that its start seldom
 * changes.
 */
const WINDOW = 800;
const STRIDE = 400;
/** The time limit for suggestions, in milliseconds. */
const WITHIN = 80;

/** Suggestions for a text. */
export interface Found extends Suggestions {
  /** Milliseconds from request to result. */
  took: number;
}

/** Requests words while somebody types. Only the last request counts; earlier ones are cancelled. */
export class Suggester {
  #asking: AbortController | undefined;

  constructor(private readonly linnet: Pick<Linnet, 'suggest'>) {}

  /**
   * Suggests words for a text.
   *
   * @returns `undefined` if another request was made meanwhile
   * @throws LinnetError
   */
  async ask(text: string, words: number): Promise<Found | undefined> {
    this.drop();
    const asking = new AbortController();
    this.#asking = asking;
    const began = performance.now();
    try {
      const found = await this.linnet.suggest({ prefix: endOf(text), words, within: WITHIN, signal: asking.signal });
      return asking.signal.aborted ? undefined : { ...found, took: performance.now() - began };
    } catch (error) {
      if (asking.signal.aborted) return undefined;
      throw error;
    }
  }

  /** Cancels the last request. */
  drop(): void {
    this.#asking?.abort();
  }
}

/**
 * The end of a text, from the start of a word. Its start moves in strides, so that the engine can reuse the KV cache.
 */
export function endOf(text: string): string {
  if (text.length <= WINDOW + STRIDE) return text;
  const from = Math.floor((text.length - WINDOW) / STRIDE) * STRIDE;
  // The cut may leave half of a surrogate pair.
  const end = text.slice(from).replace(/^[\udc00-\udfff]/, '');
  return end.slice(Math.max(0, end.search(/\s/))).trimStart();
}
