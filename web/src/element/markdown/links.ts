import { plainName } from '../../protocol/text.ts';

/** The protocols that links in answers may have; others (`javascript:`, `data:`, `blob:`, `file:`, …) are not links. */
const PROTOCOLS = new Set(['http:', 'https:', 'mailto:']);

/**
 * The address of a model's link, if it is safe; else `undefined`.
 *
 * @param base the base of relative addresses
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
 * The real target of a link whose text names another place: the host, or the mailbox of a `mailto:` address.
 * `undefined` if the text names no place, or the right one.
 *
 * @param text the link's text
 * @param address its address, from {@link safeAddress}
 */
export function hiddenTarget(text: string, address: string): string | undefined {
  const url = new URL(address);
  // Zero-width characters could hide a name from this check, and browsers treat full-width characters as normal ones.
  const said = text
    .replace(/\p{Cf}/gu, '')
    .normalize('NFKC')
    .replace(/[\u3002\uff61\u2024]/g, '.')
    .toLowerCase();
  if (url.protocol === 'mailto:') {
    const mailbox = plainName(decoded(url.pathname)).toLowerCase();
    const same =
      hostsIn(said).every((host) => mailbox.endsWith(`@${host}`)) && (!said.includes('@') || said.includes(mailbox));
    return same ? undefined : mailbox;
  }
  // If the text is the address itself, other names in it are parts of its path.
  const path = `${url.pathname}${url.search}${url.hash}`.toLowerCase();
  const own = withoutScheme(said) === withoutScheme(`${url.host}${path}`);
  return own || hostsIn(said).every((host) => withoutWww(host) === withoutWww(url.hostname)) ? undefined : url.host;
}

/** Text that may be meant as a host: words with a dot that end like a top-level domain, and IPv4 addresses. */
function hostsIn(text: string): string[] {
  const words = text.split(/[^\p{L}\p{M}\p{N}._-]+/u).map((word) => word.replace(/^[._-]+|[._-]+$/g, ''));
  return words.filter((word) => /\.(?:\p{L}[\p{L}\p{M}\p{N}-]+|\d+\.\d+\.\d+)$/u.test(word)).map(asHost);
}

/** A host's name as browsers write it: `xn--` for other alphabets. */
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
  return text
    .trim()
    .replace(/^https?:\/\//, '')
    .replace(/\/$/, '');
}

function withoutWww(host: string): string {
  return host.replace(/^www\./, '');
}

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  laquo: '«',
  raquo: '»',
  bull: '•',
  middot: '·',
  deg: '°',
  times: '×',
  divide: '÷',
  plusmn: '±',
  euro: '€',
  pound: '£',
  yen: '¥',
  cent: '¢',
  sect: '§',
  para: '¶',
  larr: '←',
  rarr: '→',
  uarr: '↑',
  darr: '↓',
  le: '≤',
  ge: '≥',
  ne: '≠',
};

/** Decodes HTML character references: the common names and all numbers. Anything else stays. */
export function readReferences(text: string): string {
  return text.replace(
    /&(?:#x([\da-f]{1,6})|#(\d{1,7})|([a-z]{2,8}));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return Object.hasOwn(NAMED, name) ? NAMED[name]! : whole;
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : whole;
    },
  );
}
