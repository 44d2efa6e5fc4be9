// The files of a model, as the worker gets them from the page.

/** Hashes of a file's chunks. With them a wrong byte is located, and only its chunk is downloaded again. */
export interface ChunkHashes {
  /** Bytes of each chunk; the last one may be shorter. */
  readonly bytes: number;
  /** The chunks' SHA-256, in lower-case hex. */
  readonly sha256: readonly string[];
}

/** A file to download, and what is known about it. */
export interface RemoteFile {
  kind: 'remote';
  /** Addresses to try, in order; the next one is tried only if the one before gave no bytes. */
  urls: string[];
  bytes?: number;
  sha256?: string;
  chunks?: ChunkHashes;
  /** Its key in the store, if that is not derived from its hash or address. */
  key?: string;
  /** The site's name for it, from which its key in the store is derived if its hash is unknown. */
  called?: string;
}

/** A file on this device. */
export interface LocalFile {
  kind: 'local';
  blob: Blob;
}

/** A file that the worker can read. */
export type ResolvedFile = RemoteFile | LocalFile;

/** A model that the worker can read: its file, or its parts in order. */
export type ResolvedModel = readonly ResolvedFile[];
