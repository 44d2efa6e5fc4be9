/** Protocols that a link in an answer may have. All others (`javascript:`, `data:`, `blob:`, `file:`, …) are no links. */
const PROTOCOLS = new Set(['http:', 'https:', 'mailto:']);

/**
 * The address of a link that a model wrote, as it may be put into the page; `undefined` if it may not.
 *
 * @param base what a relative address is relative to
 */
export function safeAddress(href: string, base: string): string | undefined {
  try {
    const url = new URL(href, base);
    // "https://bank.example@evil.example" leads to the latter.
    if (!PROTOCOLS.has(url.protocol) || url.username || url.password) return undefined;
    return url.href;
  } catch {
    return undefined;
  }
}

/** Characters that turn the direction of what follows them, up to where it is turned back, if it ever is. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;
/** Control characters that no text needs. */
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufff9-\ufffb]/g;

/**
 * Text without what could make it look like another: letters that turn the reading direction of the letters after them. Languages
 * that are read from right to left need none of these; each block of an answer takes its direction from its own letters.
 */
export function plainText(text: string): string {
  return text.replace(TURNS, '').replace(CONTROLS, '');
}

const NAMED: Readonly<Record<string, string>> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', trade: '™', hellip: '…', mdash: '—', ndash: '–',
  lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', laquo: '«', raquo: '»', bull: '•', middot: '·', deg: '°', times: '×', divide: '÷',
  plusmn: '±', euro: '€', pound: '£', yen: '¥', cent: '¢', sect: '§', para: '¶', larr: '←', rarr: '→', uarr: '↑', darr: '↓', le: '≤', ge: '≥', ne: '≠',
};

/** Text with HTML's character references read: the usual names and all numbers. What is no reference stays as it is. */
export function readReferences(text: string): string {
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return Object.hasOwn(NAMED, name) ? NAMED[name]! : whole;
    const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : whole;
  });
}
