import { type FakeEntry, sha256 } from './fake-store.ts';

// A server whose behaviour is random: it does everything that servers, proxies and networks are known to do to a
// download.

/** Reproducible random numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer below that. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.below(all.length)]!;
  }
}

/** One version of the file. */
export interface Version {
  bytes: Uint8Array<ArrayBuffer>;
  etag: string;
}

/** What may happen to one request. */
const FAULTS = [
  'none',
  'none',
  'none',
  'none',
  'broken',
  'broken',
  'stalled',
  'status',
  'later',
  'whole',
  'short',
  'long',
  'empty',
  'shifted',
  'claim',
  'coded',
  'bare',
  'star',
  'unsatisfiable',
  'refused',
  'unnamed',
  'throws',
] as const;

/** A server for `fetch`. */
export class ScriptedServer {
  requests = 0;
  /** The probability of faults, from 0 to 1. */
  trouble = 0;
  /** Whether a byte may be wrong, which only a hash can detect. */
  flips = false;
  /** Whether its nodes use different ETags for one version. */
  nodes = false;
  /** Whether it never names the version of the file. */
  unnamed = false;
  version: Version;

  constructor(
    readonly random: Random,
    readonly versions: readonly Version[],
  ) {
    this.version = versions[0]!;
  }

  /** Replaces `fetch`. */
  readonly fetch = async (_: string | URL | Request, { headers, signal }: RequestInit = {}): Promise<Response> => {
    this.requests++;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    const { random } = this;
    const changes = (this.unnamed ? 0.4 : 0.1) * this.trouble;
    if (this.versions.length > 1 && random.chance(changes)) this.version = random.pick(this.versions);
    const fault = random.chance(this.trouble) ? random.pick(FAULTS) : 'none';
    const range = (headers as Record<string, string>)['Range'];
    const asked = /^bytes=(\d+)-(\d+)$/.exec(range ?? '');
    return this.#answer(fault, asked ? [Number(asked[1]), Number(asked[2]) + 1] : undefined, signal ?? undefined);
  };

  #answer(
    fault: (typeof FAULTS)[number],
    asked: [number, number] | undefined,
    signal: AbortSignal | undefined,
  ): Response {
    const { random, version } = this;
    const { bytes } = version;
    const etag = this.nodes ? `"${random.below(9)}"` : version.etag;
    const names: Record<string, string> = this.unnamed || fault === 'unnamed' ? {} : { ETag: etag };
    if (fault === 'refused') throw new TypeError('Failed to fetch');
    if (fault === 'throws') throw new DOMException('odd', 'NetworkError');
    if (fault === 'status')
      return new Response('no', { status: random.pick([400, 403, 404, 408, 410, 429, 500, 503]) });
    if (fault === 'later') {
      const header = random.pick(['0', '99999', 'soon', '', new Date(Date.now() - 1e6).toUTCString(), '-1']);
      return new Response('later', { status: 503, headers: { 'Retry-After': header } });
    }
    if (asked && (fault === 'unsatisfiable' || asked[0] >= bytes.length)) return new Response(null, { status: 416 });
    if (!asked || fault === 'whole') {
      // A response without a length that ends too early without an error looks complete.
      const told = fault === 'empty' || random.chance(0.5);
      const length: Record<string, string> = told ? { 'Content-Length': String(bytes.length) } : {};
      return new Response(this.#body(bytes, fault, signal), { headers: { ...names, ...length } });
    }
    const [start, end] = [asked[0], Math.min(asked[1], bytes.length)];
    const from = fault === 'shifted' ? random.below(bytes.length) : start;
    const to = fault === 'short' ? start + random.below(end - start + 1) : fault === 'long' ? bytes.length : end;
    const claims = ['1000000000000000', '9'.repeat(30), String(2 ** 42), '0'];
    const hides = this.#mayHideLength() ? fault : undefined;
    const total = fault === 'claim' ? random.pick(claims) : hides === 'star' ? '*' : bytes.length;
    const place: Record<string, string> =
      hides === 'bare' ? {} : { 'Content-Range': `bytes ${from}-${Math.max(from, to - 1)}/${total}` };
    const coded: Record<string, string> = fault === 'coded' ? { 'Content-Encoding': 'gzip' } : {};
    return new Response(this.#body(bytes.subarray(start, to), fault, signal), {
      status: 206,
      headers: { ...names, ...place, ...coded },
    });
  }

  /** A longer version without a stated length looks like the file of known length. */
  #mayHideLength(): boolean {
    return this.versions.every(({ bytes }) => bytes.length === this.versions[0]!.bytes.length);
  }

  /** The bytes in chunks, up to the fault. */
  #body(
    bytes: Uint8Array<ArrayBuffer>,
    fault: string,
    signal: AbortSignal | undefined,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { random } = this;
    const sent = bytes.slice();
    if (this.flips && sent.length > 0 && random.chance(0.2 * this.trouble))
      sent[random.below(sent.length)]! ^= 1 + random.below(255);
    const ends =
      fault === 'broken' || fault === 'stalled' ? random.below(sent.length + 1) : fault === 'empty' ? 0 : sent.length;
    let at = 0;
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: async (controller) => {
          await new Promise((resolve) => setImmediate(resolve));
          if (signal?.aborted) controller.error(signal.reason);
          else if (at < ends) {
            const next = Math.min(ends, at + 1 + random.below(sent.length));
            controller.enqueue(sent.subarray(at, next));
            at = next;
          } else if (fault === 'stalled') await new Promise(() => {});
          else if (fault === 'broken') controller.error(new TypeError('terminated'));
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** Changes an entry between two visits, like a crash, a failing disk or a person. */
export function betweenVisits(entry: FakeEntry, random: Random): void {
  const { data, log } = entry;
  if (random.chance(0.2) && data.bytes.length > 0)
    data.bytes[random.below(data.bytes.length)]! ^= 1 + random.below(255);
  if (random.chance(0.2)) log.truncate(random.below(log.bytes.length + 1));
  if (random.chance(0.1)) data.truncate(random.below(data.bytes.length + 1));
  if (random.chance(0.1)) data.truncate(data.bytes.length + random.below(1000));
  if (random.chance(0.05) && log.bytes.length > 0) log.bytes[random.below(log.bytes.length)]! ^= 1 + random.below(255);
  if (random.chance(0.05)) data.bytes = new Uint8Array(0);
}

/** A random file, and other versions that the server may have. */
export function randomVersions(random: Random, count: number): Version[] {
  const size = random.pick([0, 1, 999, 1000, 1001, 3000, 4500, 7777]);
  return Array.from({ length: count }, (_, number) => {
    const length = number > 0 && random.chance(0.3) ? random.below(9000) : size;
    const bytes = new Uint8Array(length).map(() => random.below(256));
    return { bytes, etag: `"${sha256(bytes).slice(0, 8)}"` };
  });
}
