// Models that think aloud put their thoughts between <think> and </think>, before the answer.

const OPEN = '<think>';
const CLOSE = '</think>';

/** A model's text, in its two parts. */
export interface Spoken {
  /** What it thought; empty if it did not. */
  thoughts: string;
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
    return { thoughts: (opened ? before.slice(OPEN.length) : before).trim(), answer: text.slice(close + CLOSE.length).trimStart(), thinking: false };
  }
  if (opened) {
    const thoughts = begun.slice(OPEN.length).trimStart();
    return { thoughts: complete ? thoughts : withoutBeginOf(CLOSE, thoughts), answer: '', thinking: !complete };
  }
  // Models often start with a line break or two.
  if (!complete && OPEN.startsWith(begun)) return { thoughts: '', answer: '', thinking: false };
  return { thoughts: '', answer: complete ? begun : withoutBeginOf(CLOSE, begun), thinking: false };
}

/** The text without an end that may become the tag. */
function withoutBeginOf(tag: string, text: string): string {
  const at = text.lastIndexOf('<');
  return at >= 0 && tag.startsWith(text.slice(at)) ? text.slice(0, at) : text;
}
