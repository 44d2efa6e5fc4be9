import type { Linnet, Suggestions } from 'linnet';

/** How much of a text's end the model is given, in characters: it begins at a multiple of STRIDE, so that it seldom begins elsewhere. */
const WINDOW = 800;
const STRIDE = 400;
/** Milliseconds after which words are taken as they are: nobody waits for the next word longer. */
const WITHIN = 80;

/** What is suggested behind a text. */
export interface Found extends Suggestions {
  /** Milliseconds from the question to the answer. */
  took: number;
}

/** Asks for words as somebody types. Only the last question counts: the ones before are ended. */
export class Suggester {
  #asking: AbortController | undefined;

  constructor(private readonly linnet: Pick<Linnet, 'suggest'>) {}

  /**
   * Words behind a text.
   *
   * @returns `undefined` where something else was asked meanwhile
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

  /** The last question is of no interest any more. */
  drop(): void {
    this.#asking?.abort();
  }
}

/** The end of a text, from the beginning of a word on. What the engine has read it need not read again, as long as the beginning stays. */
export function endOf(text: string): string {
  if (text.length <= WINDOW + STRIDE) return text;
  const from = Math.floor((text.length - WINDOW) / STRIDE) * STRIDE;
  // The first half of a character that two UTF-16 units make may be cut off.
  const end = text.slice(from).replace(/^[\udc00-\udfff]/, '');
  return end.slice(Math.max(0, end.search(/\s/))).trimStart();
}
