import type { AnswerPiece } from './answerer.ts';

const OPEN = '<think>';
const CLOSE = '</think>';

/** Reads `<think>…</think>` at the beginning of a server's text as reasoning: not every server does that itself. */
export class ThinkTags {
  #state: 'begin' | 'thinking' | 'between' | 'answer' = 'begin';
  /** Text that may become a tag. */
  #held = '';

  split({ text, ...piece }: AnswerPiece): AnswerPiece {
    let [reasoning, answer] = [piece.reasoning ?? '', ''];
    this.#held += text ?? '';
    if (this.#state === 'begin') {
      const begun = this.#held.trimStart();
      if (begun.startsWith(OPEN)) [this.#state, this.#held] = ['thinking', begun.slice(OPEN.length)];
      else if (!OPEN.startsWith(begun) || piece.finishReason) this.#state = 'answer';
    }
    if (this.#state === 'thinking') {
      const close = this.#held.indexOf(CLOSE);
      const end =
        close >= 0 ? close : piece.finishReason ? this.#held.length : this.#held.length - beginOfClose(this.#held);
      reasoning += this.#held.slice(0, end);
      this.#held = this.#held.slice(close >= 0 ? close + CLOSE.length : end);
      if (close >= 0) this.#state = 'between';
    }
    if (this.#state === 'between') {
      this.#held = this.#held.trimStart();
      if (this.#held) this.#state = 'answer';
    }
    if (this.#state === 'answer') [answer, this.#held] = [this.#held, ''];
    return { ...piece, ...(reasoning ? { reasoning } : {}), ...(answer ? { text: answer } : {}) };
  }
}

/** The length of the text's end that may be the beginning of the closing tag. */
function beginOfClose(text: string): number {
  const at = text.lastIndexOf('<');
  return at >= 0 && CLOSE.startsWith(text.slice(at)) ? text.length - at : 0;
}
