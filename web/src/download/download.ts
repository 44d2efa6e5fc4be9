import { aborted } from '../protocol/errors.ts';
import type { ChunkBuffer, Transfer } from './transfer.ts';

/** Chunks that are on their way, or there and not yet taken: what bounds the memory. */
const MOST_AHEAD = 4;

/** What a download asks of whoever wants its chunks. */
export interface ChunkKeeper {
  /** An empty chunk, or one of which the beginning is there from an earlier try. */
  begin(index: number): ChunkBuffer;
  /** Takes note of a chunk that is whole. @throws what ends the download. Gives false if it must be fetched once more. */
  accept(piece: ChunkBuffer): Promise<boolean>;
  /** Takes note of what has come of a chunk that will not be whole. */
  abandon(piece: ChunkBuffer): Promise<void>;
}

/** A whole file on its way, and what has come of it beyond the last chunk. */
interface Stream {
  parts: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  rest: Uint8Array<ArrayBuffer>;
  /** Offset of the rest in the file. */
  at: number;
}

/**
 * Chunks of a file on their way: a few at a time, in the order in which they are wanted.
 *
 * More is asked for as chunks are taken, so a slow consumer slows the download, and memory holds no more than
 * {@link MOST_AHEAD} of them. It starts with one, because the first bytes may show that the rest is not wanted.
 */
export class Download {
  /** Those asked for and not yet taken. */
  readonly #coming = new Map<number, { piece: ChunkBuffer; whole: Promise<void> }>();
  /** Those that are not whole yet. */
  readonly #open = new Set<ChunkBuffer>();
  readonly #wanted: Iterator<number>;
  /** The last chunk that was taken. */
  #taken = -1;
  #ahead = 1;
  #stream: Stream | undefined;

  /**
   * @param wanted the chunks to fetch, in order; of a place that gives no stretches all of them, whatever this says. A server may
   * claim any length, so they are drawn one by one
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

  /** The chunk of that number; from a place that gives no stretches they must ascend, and there is an empty one after the last. */
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

  /** Bytes that have come, or were there from an earlier try, and have not been taken. */
  get pending(): number {
    const pieces = this.#stream ? [...this.#open] : [...this.#coming.values()].map(({ piece }) => piece);
    return pieces.reduce((sum, { filled }) => sum + filled, 0);
  }

  /** After the transfer's signal: gives what has come to the keeper. */
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
    // It may fail while an earlier chunk is still waited for.
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

  /** Cuts the next chunk off the stream. */
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
      // What is stored already comes once more, and is skipped.
      const skipped = stream.at < piece.start;
      const part = stream.rest.subarray(0, skipped ? piece.start - stream.at : piece.bytes.length - piece.filled);
      stream.rest = stream.rest.subarray(part.length);
      stream.at += part.length;
      if (skipped) continue;
      piece.bytes.set(part, piece.filled);
      piece.filled += part.length;
    }
    // The last chunk of a file whose length nobody said.
    piece.bytes = piece.bytes.subarray(0, piece.filled);
    if (piece.filled > 0) await this.keeper.accept(piece);
    this.#open.delete(piece);
    return piece.bytes;
  }
}
