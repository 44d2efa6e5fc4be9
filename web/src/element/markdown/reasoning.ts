// Models that think aloud put their thoughts between <think> and </think>, before the answer.

const OPEN = '<think>';
const CLOSE = '</think>';

/** A model's text, in its two parts. */
export interface Spoken {
  /** What it thought; empty if it did not. */
  reasoning: string;
  answer: string;
  /** Whether it is still thinking. */
  thinking: boolean;
}

/**
 * Parts what a model has written so far.
 *
 * Some chat templates open the thoughts themselves: then only their end is to be seen, and what stands before it was thought.
 *
 * @param complete whether nothing more will come; until then the beginning of a tag is not shown
 */
export function partsOf(text: string, complete: boolean): Spoken {
  const begun = text.trimStart();
  const opened = begun.startsWith(OPEN);
  const close = text.indexOf(CLOSE);
  if (close >= 0) {
    const before = text.slice(0, close).trim();
    return { reasoning: (opened ? before.slice(OPEN.length) : before).trim(), answer: text.slice(close + CLOSE.length).trimStart(), thinking: false };
  }
  if (opened) {
    const reasoning = begun.slice(OPEN.length).trimStart();
    return { reasoning: complete ? reasoning : withoutBeginOf(CLOSE, reasoning), answer: '', thinking: !complete };
  }
  // Models often start with a line break or two.
  if (!complete && OPEN.startsWith(begun)) return { reasoning: '', answer: '', thinking: false };
  return { reasoning: '', answer: complete ? begun : withoutBeginOf(CLOSE, begun), thinking: false };
}

/** The text without an end that may become the tag. */
function withoutBeginOf(tag: string, text: string): string {
  const at = text.lastIndexOf('<');
  return at >= 0 && tag.startsWith(text.slice(at)) ? text.slice(0, at) : text;
}

/** What a piece of text has brought. */
export interface SpokenPiece {
  /** More of what the model thinks. */
  reasoning: string;
  /** More of the answer. */
  answer: string;
  /** Whether all that came before as the answer was thought: this answer stands in its place. */
  replaces: boolean;
}

/** Parts a text while it comes, as {@link partsOf} does, and looks at each piece once. */
export class ReasoningSplitter {
  /** `between`: the thoughts have ended, and of the answer there is at most space. */
  #state: 'begin' | 'thinking' | 'between' | 'answer' = 'begin';
  /** What has not been given out, since it may become a tag. */
  #held = '';
  /** Whether the thoughts have ended: no other tag is looked for. */
  #parted = false;

  /** @param continued whether the text continues an answer: then no thoughts come first, and the space at its beginning belongs to it */
  constructor(continued = false) {
    if (!continued) return;
    this.#state = 'answer';
    this.#parted = true;
  }

  /** Takes the next piece of the text. */
  add(text: string): SpokenPiece {
    this.#held += text;
    const piece: SpokenPiece = { reasoning: '', answer: '', replaces: false };
    if (this.#state === 'begin') this.#begin();
    if (this.#state === 'thinking') piece.reasoning = this.#upToEnd();
    if (this.#state === 'answer' && !this.#parted) {
      piece.answer = this.#upToEnd();
      // A template has opened the thoughts itself.
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

  /** Nothing more comes: gives what was held back. */
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

  /** Takes what is held up to the end of the thoughts; as long as that is not there all that cannot become it. */
  #upToEnd(): string {
    const close = this.#held.indexOf(CLOSE);
    const taken = close >= 0 ? this.#held.slice(0, close) : withoutBeginOf(CLOSE, this.#held);
    this.#held = this.#held.slice(close >= 0 ? close + CLOSE.length : taken.length);
    if (close >= 0) [this.#state, this.#parted] = ['between', true];
    return taken;
  }
}
