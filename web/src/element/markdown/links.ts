import { plainName } from '../../protocol/text.ts';

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

/**
 * Where a link really leads, if its text names another place: the host, or the mailbox of a `mailto:` address. `undefined` if the
 * text names no place, or this one.
 *
 * @param text what the link says
 * @param address where it leads, as {@link safeAddress} gives it
 */
export function hiddenTarget(text: string, address: string): string | undefined {
  const url = new URL(address);
  // Characters without a width could hide a name from us, and browsers read full-width ones like the usual ones.
  const said = text.replace(/\p{Cf}/gu, '').normalize('NFKC').replace(/[\u3002\uff61\u2024]/g, '.').toLowerCase();
  if (url.protocol === 'mailto:') {
    const mailbox = plainName(decoded(url.pathname)).toLowerCase();
    const same = hostsIn(said).every((host) => mailbox.endsWith(`@${host}`)) && (!said.includes('@') || said.includes(mailbox));
    return same ? undefined : mailbox;
  }
  // In a link that is its own address, other names are parts of its path.
  const path = `${url.pathname}${url.search}${url.hash}`.toLowerCase();
  const own = withoutScheme(said) === withoutScheme(`${url.host}${path}`);
  return own || hostsIn(said).every((host) => withoutWww(host) === withoutWww(url.hostname)) ? undefined : url.host;
}

/** What may be meant as a host's name in a text: words with a dot that end as a top-level domain may, and IPv4 addresses. */
function hostsIn(text: string): string[] {
  const words = text.split(/[^\p{L}\p{M}\p{N}._-]+/u).map((word) => word.replace(/^[._-]+|[._-]+$/g, ''));
  return words.filter((word) => /\.(?:\p{L}[\p{L}\p{M}\p{N}-]+|\d+\.\d+\.\d+)$/u.test(word)).map(asHost);
}

/** A host's name as browsers write it: in other alphabets it begins with `xn--`. */
function asHost(name: string): string {
  try {
    return new URL(`https://${name}`).hostname;
  } catch {
    return name;
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function withoutScheme(text: string): string {
  return text.trim().replace(/^https?:\/\//, '').replace(/\/$/, '');
}

function withoutWww(host: string): string {
  return host.replace(/^www\./, '');
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
