// Splits reasoning from answers: models that reason write it between <think> and </think> before the answer.

const OPEN = '<think>';
const CLOSE = '</think>';

/** A model's text, split into its two parts. */
export interface Spoken {
  /** The reasoning; empty if there is none. */
  reasoning: string;
  answer: string;
  /** Whether the reasoning has not ended yet. */
  thinking: boolean;
}

/**
 * Splits the text that a model has written so far.
 *
 * Some chat templates write the opening tag themselves: then only the closing tag appears, and all text before it is
 * reasoning.
 *
 * @param complete whether the text is complete; until then, the beginning of a tag is held back
 * @param prefill the assistant's message that the text continues, if it does: the text begins with reasoning only if
 * that message ends in it
 */
export function partsOf(text: string, complete: boolean, prefill?: string): Spoken {
  if (prefill) {
    if (!endsInReasoning(prefill)) return { reasoning: '', answer: text, thinking: false };
    return partsOf(OPEN + text, complete);
  }
  const begun = text.trimStart();
  const opened = begun.startsWith(OPEN);
  const close = text.indexOf(CLOSE);
  if (close >= 0) {
    const before = text.slice(0, close).trim();
    return {
      reasoning: (opened ? before.slice(OPEN.length) : before).trim(),
      answer: text.slice(close + CLOSE.length).trimStart(),
      thinking: false,
    };
  }
  if (opened) {
    const reasoning = begun.slice(OPEN.length).trimStart();
    return { reasoning: complete ? reasoning : withoutBeginOf(CLOSE, reasoning), answer: '', thinking: !complete };
  }
  // Models often start with a line break or two.
  if (!complete && OPEN.startsWith(begun)) return { reasoning: '', answer: '', thinking: false };
  return { reasoning: '', answer: complete ? begun : withoutBeginOf(CLOSE, begun), thinking: false };
}

/** Whether an assistant's message opens reasoning and does not end it. */
function endsInReasoning(message: string): boolean {
  return message.trimStart().startsWith(OPEN) && !message.includes(CLOSE);
}

/** The text without a suffix that may be the beginning of the tag. */
function withoutBeginOf(tag: string, text: string): string {
  const at = text.lastIndexOf('<');
  return at >= 0 && tag.startsWith(text.slice(at)) ? text.slice(0, at) : text;
}

/** What a piece of text adds. */
export interface SpokenPiece {
  /** More of the reasoning. */
  reasoning: string;
  /** More of the answer. */
  answer: string;
  /** Whether all text given as the answer so far was reasoning: this answer replaces it. */
  replaces: boolean;
}

/** Splits a text while it is streamed, as {@link partsOf} does, but reads each piece only once. */
export class ReasoningSplitter {
  /** `between`: the reasoning has ended, and the answer has only white space so far. */
  #state: 'begin' | 'thinking' | 'between' | 'answer' = 'begin';
  /** Text that is held back because it may become a tag. */
  #held = '';
  /** Whether the reasoning has ended; later tags are plain text. */
  #parted = false;

  /**
   * @param prefill the assistant's message that the text continues, or `true` for one whose reasoning has ended. If the
   * message ends in reasoning, the text begins with it. Otherwise the text has none, and leading white space belongs to
   * the answer.
   */
  constructor(prefill: string | boolean = false) {
    if (!prefill) return;
    const thinking = typeof prefill === 'string' && endsInReasoning(prefill);
    this.#state = thinking ? 'thinking' : 'answer';
    this.#parted = !thinking;
  }

  /** Whether the text so far is reasoning that has not ended. */
  get thinking(): boolean {
    return this.#state === 'thinking';
  }

  /** Adds the next piece of the text. */
  add(text: string): SpokenPiece {
    this.#held += text;
    const piece: SpokenPiece = { reasoning: '', answer: '', replaces: false };
    if (this.#state === 'begin') this.#begin();
    if (this.#state === 'thinking') piece.reasoning = this.#upToEnd();
    if (this.#state === 'answer' && !this.#parted) {
      piece.answer = this.#upToEnd();
      // The template wrote the opening tag itself.
      if (this.#parted) Object.assign(piece, { answer: '', replaces: true });
    }
    if (this.#state === 'between') {
      this.#held = this.#held.trimStart();
      if (this.#held) this.#state = 'answer';
    }
    if (this.#state === 'answer' && this.#parted) {
      piece.answer += this.#held;
      this.#held = '';
    }
    return piece;
  }

  /** Ends the text and returns what was held back. */
  end(): SpokenPiece {
    const rest = this.#state === 'begin' ? this.#held.trimStart() : this.#held;
    this.#held = '';
    const thinking = this.#state === 'thinking';
    return { reasoning: thinking ? rest : '', answer: thinking ? '' : rest, replaces: false };
  }

  #begin(): void {
    const begun = this.#held.trimStart();
    if (OPEN.startsWith(begun)) return;
    const opened = begun.startsWith(OPEN);
    this.#state = opened ? 'thinking' : 'answer';
    this.#held = opened ? begun.slice(OPEN.length) : begun;
  }

  /** Takes the held text up to the end of the reasoning; without an end, all that cannot become the tag. */
  #upToEnd(): string {
    const close = this.#held.indexOf(CLOSE);
    const taken = close >= 0 ? this.#held.slice(0, close) : withoutBeginOf(CLOSE, this.#held);
    this.#held = this.#held.slice(close >= 0 ? close + CLOSE.length : taken.length);
    if (close >= 0) [this.#state, this.#parted] = ['between', true];
    return taken;
  }
}
