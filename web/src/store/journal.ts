// What the store knows about a file: a description, and then a line for each thing that happened to its data. Lines are only
// added, so a crash in the middle of one loses that one and no more.
//
//   {"version":3,"url":"…","chunkBytes":4194304,"total":98362432,"validator":"\"…\""}
//   + 12 4194304 0123456789abcdef    so many bytes of chunk 12 are there, and that is their checksum
//   - 12                             chunk 12 was found to be damaged
//   =                                the file as a whole is what it should be

/** Of the journal's form. An entry of an earlier version counts as none: its file is fetched anew. One of a later version is left alone. */
const VERSION = 3;

/** A file that is stored, wholly or in part. */
export interface Description {
  /** Where it came from. */
  url: string;
  /** Bytes of each chunk but the last. */
  chunkBytes: number;
  /** Bytes of the whole file; absent while the server has not said. */
  total?: number;
  /** The ETag or date of the file that the chunks belong to. */
  validator?: string;
  /** The file's SHA-256, where it is known beforehand. */
  sha256?: string;
  /** The name of the file that a person gave. */
  name?: string;
  /** What the site calls the file, where its address changes. */
  key?: string;
}

/** A chunk, or a beginning of one. */
export interface SavedChunk {
  bytes: number;
  checksum: string;
}

/** The lines that can be added. */
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

  /** Gives `undefined` for what is no journal, or one of another version ({@link isNewer} tells). A line that makes no sense counts for nothing. */
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

  /** All that is known, written anew. */
  text(): string {
    const saved = [...this.#chunks].map(([index, chunk]) => lines.saved(index, chunk));
    return [this.head(), ...saved, ...(this.#done ? [lines.done()] : [])].join('');
  }

  /** Takes one line, with or without its end. */
  apply(line: string): void {
    const [kind, index, bytes, checksum] = line.trimEnd().split(' ');
    if (kind === '=') this.#done = true;
    else if (!/^\d+$/.test(index ?? '')) return;
    else if (kind === '-') this.#lose(Number(index));
    else if (kind === '+' && /^\d+$/.test(bytes ?? '') && checksum) this.#chunks.set(Number(index), { bytes: Number(bytes), checksum });
  }

  #lose(index: number): void {
    this.#chunks.delete(index);
    // What comes in its place has to be vouched for again.
    this.#done = false;
  }

  /** What is there of a chunk. */
  chunk(index: number): SavedChunk | undefined {
    return this.#chunks.get(index);
  }

  /** Chunks of the file, where its length is known. */
  count(): number | undefined {
    const { total, chunkBytes } = this.description;
    return total === undefined ? undefined : Math.ceil(total / chunkBytes);
  }

  /** Bytes that a chunk has when it is whole. */
  lengthOf(index: number): number {
    const { total, chunkBytes } = this.description;
    return Math.min(chunkBytes, (total ?? Infinity) - index * chunkBytes);
  }

  /** Whether all of a chunk is there. */
  has(index: number): boolean {
    const length = this.lengthOf(index);
    return length > 0 && this.chunk(index)?.bytes === length;
  }

  /** All that is there. */
  chunks(): Iterable<[number, SavedChunk]> {
    return this.#chunks;
  }

  /** The chunks that are there, in no order. */
  whole(): number[] {
    return [...this.#chunks.keys()].filter((index) => this.has(index));
  }

  /** The chunks that are not there, or not wholly, in order; none where the file's length is not known. */
  *missing(): Generator<number> {
    // A server has said how many there are: they are counted one by one, and no list is made of them.
    for (let index = 0; index < (this.count() ?? 0); index++) if (!this.has(index)) yield index;
  }

  /** Takes all chunks that do not fit into so many bytes for missing. Gives whether there were any. */
  limitTo(bytes: number): boolean {
    const start = (index: number) => index * this.description.chunkBytes;
    const beyond = [...this.#chunks].filter(([index, chunk]) => start(index) + chunk.bytes > bytes);
    for (const [index] of beyond) this.#lose(index);
    return beyond.length > 0;
  }

  /** Bytes of the file that are there. */
  savedBytes(): number {
    return [...this.#chunks.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether the file is there, and is the right one. */
  isWhole(): boolean {
    return this.#done && this.whole().length === this.count();
  }
}

/** Whether a text is the journal of a later version of this package, which knows what to do with it. */
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
  const sound = version === VERSION && typeof url === 'string' && isLength(chunkBytes) && chunkBytes > 0 && isLength(total);
  return sound ? description : undefined;
}

function isLength(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
