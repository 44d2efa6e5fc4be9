// A journal records what is stored of a file: a description, then a line for each change of its data. Lines are only
// appended, so a crash while one is written loses only that line.
//
//   {"version":3,"url":"…","chunkBytes":4194304,"total":98362432,"validator":"\"…\""}
//   + 12 4194304 0123456789abcdef    this many bytes of chunk 12 are stored, with this checksum
//   - 12                             chunk 12 is damaged
//   =                                the whole file was verified

/**
 * The version of the format. Entries of earlier versions are ignored and downloaded again. Entries of later versions
 * are left alone.
 */
const VERSION = 3;

/** A stored file, complete or partial. */
export interface Description {
  /** Its address. */
  url: string;
  /** Bytes of each chunk but the last. */
  chunkBytes: number;
  /** Bytes of the whole file, if the server has told. */
  total?: number;
  /** The ETag or date of the file that the chunks belong to. */
  validator?: string;
  /** The file's SHA-256, if known. */
  sha256?: string;
  /** The name of an imported file. */
  name?: string;
  /** The site's name for the file, if its address changes. */
  key?: string;
}

/** A stored chunk, or the beginning of one. */
export interface SavedChunk {
  bytes: number;
  checksum: string;
}

/** The lines of a journal. */
export const lines = {
  saved: (index: number, { bytes, checksum }: SavedChunk): string => `+ ${index} ${bytes} ${checksum}\n`,
  dropped: (index: number): string => `- ${index}\n`,
  done: (): string => '=\n',
};

/** A journal that has been read. */
export class Journal {
  readonly #chunks = new Map<number, SavedChunk>();
  #done = false;

  constructor(readonly description: Description) {}

  /**
   * Returns `undefined` if the text is not a journal, or one of another version ({@link isNewer} tells). Invalid lines
   * are ignored.
   */
  static parse(text: string): Journal | undefined {
    const [head, ...rest] = text.split('\n').slice(0, -1);
    const description = parseHead(head);
    if (!description) return undefined;
    const journal = new Journal(description);
    for (const line of rest) journal.apply(line);
    return journal;
  }

  /** The journal's first line. */
  head(): string {
    return `${JSON.stringify({ version: VERSION, ...this.description })}\n`;
  }

  /** The whole journal as text. */
  text(): string {
    const saved = [...this.#chunks].map(([index, chunk]) => lines.saved(index, chunk));
    return [this.head(), ...saved, ...(this.#done ? [lines.done()] : [])].join('');
  }

  /** Applies one line, with or without its line feed. */
  apply(line: string): void {
    const [kind, index, bytes, checksum] = line.trimEnd().split(' ');
    if (kind === '=') this.#done = true;
    else if (!/^\d+$/.test(index ?? '')) return;
    else if (kind === '-') this.#lose(Number(index));
    else if (kind === '+' && /^\d+$/.test(bytes ?? '') && checksum)
      this.#chunks.set(Number(index), { bytes: Number(bytes), checksum });
  }

  #lose(index: number): void {
    this.#chunks.delete(index);
    // The replacement must be verified again.
    this.#done = false;
  }

  /** The stored part of a chunk. */
  chunk(index: number): SavedChunk | undefined {
    return this.#chunks.get(index);
  }

  /** The number of chunks, if the file's length is known. */
  count(): number | undefined {
    const { total, chunkBytes } = this.description;
    return total === undefined ? undefined : Math.ceil(total / chunkBytes);
  }

  /** Bytes of a complete chunk. */
  lengthOf(index: number): number {
    const { total, chunkBytes } = this.description;
    return Math.min(chunkBytes, (total ?? Infinity) - index * chunkBytes);
  }

  /** Whether a chunk is complete. */
  has(index: number): boolean {
    const length = this.lengthOf(index);
    return length > 0 && this.chunk(index)?.bytes === length;
  }

  /** All stored chunks. */
  chunks(): Iterable<[number, SavedChunk]> {
    return this.#chunks;
  }

  /** The complete chunks, in any order. */
  whole(): number[] {
    return [...this.#chunks.keys()].filter((index) => this.has(index));
  }

  /** The missing or incomplete chunks, in order; none if the file's length is unknown. */
  *missing(): Generator<number> {
    // A server may claim any length, so no list is made of them.
    for (let index = 0; index < (this.count() ?? 0); index++) if (!this.has(index)) yield index;
  }

  /** Marks all chunks beyond this length as missing. Returns whether there were any. */
  limitTo(bytes: number): boolean {
    const start = (index: number) => index * this.description.chunkBytes;
    const beyond = [...this.#chunks].filter(([index, chunk]) => start(index) + chunk.bytes > bytes);
    for (const [index] of beyond) this.#lose(index);
    return beyond.length > 0;
  }

  /** Stored bytes. */
  savedBytes(): number {
    return [...this.#chunks.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether the file is complete and verified. */
  isWhole(): boolean {
    return this.#done && this.whole().length === this.count();
  }
}

/** Whether a text is the journal of a later version of this package. */
export function isNewer(text: string): boolean {
  return Number(readHead(text.split('\n', 1)[0])?.version) > VERSION;
}

function readHead(line: string | undefined): (Description & { version: number }) | undefined {
  try {
    return (JSON.parse(line ?? '') as (Description & { version: number }) | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function parseHead(line: string | undefined): Description | undefined {
  const { version, ...description } = readHead(line) ?? { version: 0, url: '', chunkBytes: 0 };
  const { url, chunkBytes, total = 0 } = description;
  const sound =
    version === VERSION && typeof url === 'string' && isLength(chunkBytes) && chunkBytes > 0 && isLength(total);
  return sound ? description : undefined;
}

function isLength(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
