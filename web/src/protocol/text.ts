// Text from elsewhere (a model, its file, a site), made fit to be shown.

/** Characters that set the direction of what follows them, up to where it is set back, if it ever is. */
const DIRECTION_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;
/** Control characters that no text needs. */
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufff9-\ufffb]/g;
/** Marks of direction. Prose in two directions may need them; a name in a sentence of the page's does not. */
const DIRECTION_MARKS = /[\u061c\u200e\u200f]/g;
/** A name in a sentence has at most this many characters. */
const LONGEST_NAME = 200;

/**
 * Text without what could make it look like another text: characters that set the reading direction of the letters after them.
 * Languages that are read from right to left need none of these; each block of an answer takes its direction from its own letters.
 */
export function plainText(text: string): string {
  return text.replace(DIRECTION_CONTROLS, '').replace(CONTROLS, '');
}

/**
 * A name or another short text of a file or a server, as it may stand in a sentence of the page's: on one line, of a bounded length,
 * and without anything that reorders the words around it.
 */
export function plainName(text: string): string {
  const name = plainText(text).replace(DIRECTION_MARKS, '').replace(/\s+/g, ' ').trim();
  return name.length > LONGEST_NAME ? `${cutText(name, LONGEST_NAME - 1).trimEnd()}…` : name;
}

let segmenter: Intl.Segmenter | undefined;

/**
 * The beginning of a text, of at most `length` UTF-16 units. It ends between two characters as people see them: no emoji, no letter
 * with its accents and no surrogate pair is cut apart.
 */
export function cutText(text: string, length: number): string {
  if (length >= text.length) return text;
  if (length < 1) return '';
  if (!Intl.Segmenter) return text.slice(0, borderBefore(text, Math.trunc(length)));
  segmenter ??= new Intl.Segmenter();
  return text.slice(0, segmenter.segment(text).containing(length)?.index ?? 0);
}

/** The last place up to `at` that is between two characters, where the browser has no segmenter: for what is most usual. */
function borderBefore(text: string, at: number): number {
  while (at > 0 && joins(text, at)) at--;
  return at;
}

/** Whether what is before a place and what is after it are one character: surrogates, accents, emoji of several parts, "\r\n". */
function joins(text: string, at: number): boolean {
  const [before, after] = [text.charCodeAt(at - 1), text.codePointAt(at) ?? 0];
  if (after >= 0xdc00 && after < 0xe000) return before >= 0xd800 && before < 0xdc00;
  if (before === 0x200d || (before === 13 && after === 10)) return true;
  if (isRegional(after)) return regionalsBefore(text, at) % 2 === 1;
  return after === 0x200d || /^[\p{M}\p{Emoji_Modifier}]/u.test(String.fromCodePoint(after));
}

/** Two of these letters are one flag. */
function isRegional(code: number): boolean {
  return code >= 0x1f1e6 && code <= 0x1f1ff;
}

function regionalsBefore(text: string, at: number): number {
  let count = 0;
  while (at >= 2 && isRegional(text.codePointAt(at - 2)!)) [at, count] = [at - 2, count + 1];
  return count;
}
