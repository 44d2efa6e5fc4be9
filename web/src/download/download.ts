import { aborted } from '../protocol/errors.ts';
import type { ChunkBuffer, Transfer } from './transfer.ts';

/** The most chunks that are requested or wait to be taken. This limits the memory. */
const MOST_AHEAD = 4;

/** Supplies and receives the chunks of a download. */
export interface ChunkKeeper {
  /** Returns an empty chunk, or one whose beginning was stored before. */
  begin(index: number): ChunkBuffer;
  /** Receives a complete chunk. Returns false if it must be downloaded again. @throws what ends the download */
  accept(piece: ChunkBuffer): Promise<boolean>;
  /** Receives a chunk that will not be completed. */
  abandon(piece: ChunkBuffer): Promise<void>;
}

/** A whole file being received, and its bytes beyond the last chunk. */
interface Stream {
  parts: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  rest: Uint8Array<ArrayBuffer>;
  /** Offset of the rest in the file. */
  at: number;
}

/**
 * Downloads chunks of a file, a few at a time, in the requested order.
 *
 * More chunks are requested as chunks are taken. So a slow consumer slows down the download, and memory holds at most
 * {@link MOST_AHEAD} chunks. It starts with one, because the first bytes may show that the file is not wanted.
 */
export class Download {
  /** Chunks that were requested and not yet taken. */
  readonly #coming = new Map<number, { piece: ChunkBuffer; whole: Promise<void> }>();
  /** Chunks that are not complete yet. */
  readonly #open = new Set<ChunkBuffer>();
  readonly #wanted: Iterator<number>;
  /** The last chunk that was taken. */
  #taken = -1;
  #ahead = 1;
  #stream: Stream | undefined;

  /**
   * @param wanted the chunks to download, in order; if the server does not support ranges, all chunks are downloaded.
   * They are drawn one by one, since a server may claim any length
   */
  constructor(
    readonly transfer: Transfer,
    wanted: Iterable<number>,
    readonly keeper: ChunkKeeper,
  ) {
    this.#wanted = wanted[Symbol.iterator]();
    if (!transfer.ranged) this.#stream = { parts: transfer.stream(), rest: new Uint8Array(), at: 0 };
    else this.#ask();
  }

  /** Returns a chunk. Without ranges the numbers must ascend, and an empty chunk follows the last one. */
  async take(index: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#stream) return this.#next(this.#stream, index);
    this.#taken = index;
    if (!this.#coming.has(index)) this.#start(index);
    const { piece, whole } = this.#coming.get(index)!;
    await whole;
    this.#coming.delete(index);
    this.#ahead = Math.min(this.#ahead + 1, MOST_AHEAD);
    this.#ask();
    return piece.bytes;
  }

  /** Bytes that have arrived or were stored before, and were not taken yet. */
  get pending(): number {
    const pieces = this.#stream ? [...this.#open] : [...this.#coming.values()].map(({ piece }) => piece);
    return pieces.reduce((sum, { filled }) => sum + filled, 0);
  }

  /** After the transfer was aborted: hands the incomplete chunks to the keeper. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#coming.values()].map(({ whole }) => whole));
    await this.#stream?.parts.return(undefined).catch(() => {});
    for (const piece of this.#open) await this.keeper.abandon(piece);
    this.#open.clear();
    this.transfer.close();
  }

  #ask(): void {
    while (this.#coming.size < this.#ahead) {
      const { done, value } = this.#wanted.next();
      if (done) return;
      if (value > this.#taken && !this.#coming.has(value)) this.#start(value);
    }
  }

  #start(index: number): void {
    const piece = this.keeper.begin(index);
    const whole = this.#fetch(piece);
    // It may fail while an earlier chunk is awaited.
    whole.catch(() => {});
    this.#coming.set(index, { piece, whole });
  }

  async #fetch(piece: ChunkBuffer): Promise<void> {
    this.#open.add(piece);
    do {
      if (piece.filled === piece.bytes.length) piece.filled = 0;
      await this.transfer.fill(piece);
    } while (!(await this.keeper.accept(piece)));
    this.#open.delete(piece);
  }

  /** Takes the next chunk from the stream. */
  async #next(stream: Stream, index: number): Promise<Uint8Array<ArrayBuffer>> {
    const piece = this.keeper.begin(index);
    piece.filled = 0;
    this.#open.add(piece);
    while (piece.filled < piece.bytes.length) {
      if (stream.rest.length === 0) {
        const { done, value } = await stream.parts.next();
        if (done) break;
        stream.rest = value;
      }
      if (this.transfer.options.signal.aborted) throw aborted();
      // Stored bytes arrive again and are skipped.
      const skipped = stream.at < piece.start;
      const part = stream.rest.subarray(0, skipped ? piece.start - stream.at : piece.bytes.length - piece.filled);
      stream.rest = stream.rest.subarray(part.length);
      stream.at += part.length;
      if (skipped) continue;
      piece.bytes.set(part, piece.filled);
      piece.filled += part.length;
    }
    // The last chunk of a file of unknown length.
    piece.bytes = piece.bytes.subarray(0, piece.filled);
    if (piece.filled > 0) await this.keeper.accept(piece);
    this.#open.delete(piece);
    return piece.bytes;
  }
}
