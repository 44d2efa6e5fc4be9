// Cleans text from a model, a file or a site so that it can be shown.

/** Characters that change the direction of the following text until they are reset. */
const DIRECTION_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;
/** Control characters, which no text needs. */
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufff9-\ufffb]/g;
/** Direction marks. Prose in two directions may need them; a name in a sentence does not. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f]/g;
/** The most characters of a name in a sentence. */
const LONGEST_NAME = 200;

/**
 * Removes characters that could make a text look different, since they change the reading direction of the letters
 * after them. Right-to-left languages do not need them; each block of an answer takes its direction from its letters.
 */
export function plainText(text: string): string {
  return text.replace(DIRECTION_CONTROLS, '').replace(CONTROLS, '');
}

/**
 * Cleans a name or short text of a file or server for use in a sentence: one line, of limited length, without
 * characters that reorder the words around it.
 */
export function plainName(text: string): string {
  const name = plainText(text).replace(DIRECTION_MARKS, '').replace(/\s+/g, ' ').trim();
  return name.length > LONGEST_NAME ? `${cutText(name, LONGEST_NAME - 1).trimEnd()}…` : name;
}

let segmenter: Intl.Segmenter | undefined;

/**
 * The beginning of a text, at most `length` UTF-16 units, cut between two characters as people see them: not within an
 * emoji, an accented letter or a surrogate pair.
 */
export function cutText(text: string, length: number): string {
  if (length >= text.length) return text;
  if (length < 1) return '';
  if (!Intl.Segmenter) return text.slice(0, borderBefore(text, Math.trunc(length)));
  segmenter ??= new Intl.Segmenter();
  return text.slice(0, segmenter.segment(text).containing(length)?.index ?? 0);
}

/** The last boundary between two characters up to `at`, for browsers without a segmenter. Covers the common cases. */
function borderBefore(text: string, at: number): number {
  while (at > 0 && joins(text, at)) at--;
  return at;
}

/**
 * Whether the units before and after a position belong to one character: surrogates, accents, composed emoji, "\r\n".
 */
function joins(text: string, at: number): boolean {
  const [before, after] = [text.charCodeAt(at - 1), text.codePointAt(at) ?? 0];
  if (after >= 0xdc00 && after < 0xe000) return before >= 0xd800 && before < 0xdc00;
  if (before === 0x200d || (before === 13 && after === 10)) return true;
  if (isRegional(after)) return regionalsBefore(text, at) % 2 === 1;
  return after === 0x200d || /^[\p{M}\p{Emoji_Modifier}]/u.test(String.fromCodePoint(after));
}

/** Regional indicators: two of them form a flag. */
function isRegional(code: number): boolean {
  return code >= 0x1f1e6 && code <= 0x1f1ff;
}

function regionalsBefore(text: string, at: number): number {
  let count = 0;
  while (at >= 2 && isRegional(text.codePointAt(at - 2)!)) [at, count] = [at - 2, count + 1];
  return count;
}
