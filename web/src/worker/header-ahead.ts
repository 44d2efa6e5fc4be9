import { FileChanged, type Identity, sameFile } from '../download/transfer.ts';
import type { RemoteFile } from '../protocol/model-files.ts';
import type { WasmHash } from '../protocol/wasm.ts';

/**
 * The header of a later part of a split model, which is read before the part itself is downloaded. If the server names
 * no version of the file, the two may be of different versions: then the part must begin with the same bytes.
 */
export class HeaderAhead {
  #bytes = 0;
  #sum = '';

  constructor(
    readonly identity: Identity,
    private readonly Sha256: new () => WasmHash,
  ) {}

  /** Passes on the bytes that the header is read from. */
  async *read(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const hash = new this.Sha256();
    try {
      for await (const piece of pieces) {
        hash.update(piece);
        this.#bytes += piece.length;
        yield piece;
      }
    } finally {
      this.#sum = hash.hex();
      hash.free();
    }
  }

  /**
   * Compares the header's file with the one that is downloaded now.
   *
   * @returns a check of the bytes, in order, if the server names no version
   * @throws FileChanged, as the check does
   */
  checkOf(found: Identity, { sha256, urls }: RemoteFile): ((bytes: Uint8Array) => void) | undefined {
    const isNamed = sha256 !== undefined || this.identity.validator !== undefined || found.validator !== undefined;
    if (!sameFile(this.identity, found, !isNamed || sha256 !== undefined)) throw new FileChanged(urls[0]!);
    if (isNamed) return undefined;
    const hash = new this.Sha256();
    let left = this.#bytes;
    return (bytes) => {
      if (left === 0) return;
      const part = bytes.subarray(0, left);
      hash.update(part);
      left -= part.length;
      if (left > 0) return;
      const sum = hash.hex();
      hash.free();
      if (sum !== this.#sum) throw new FileChanged(urls[0]!);
    };
  }
}
