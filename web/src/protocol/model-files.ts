// The files of a model, as the worker gets them from the page.

/** Hashes of a file's chunks: with them a wrong byte is found where it is, and costs one chunk and not the file. */
export interface ChunkHashes {
  /** Bytes of each chunk but the last. */
  readonly bytes: number;
  /** The chunks' SHA-256, in lower-case hex. */
  readonly sha256: readonly string[];
}

/** A file to read from the network, and what is known about it beforehand. */
export interface RemoteFile {
  kind: 'remote';
  /** Places to try, in order: the next one is asked only if one has not given a single byte. */
  urls: string[];
  bytes?: number;
  sha256?: string;
  chunks?: ChunkHashes;
  /** Its name in the store, where that is not of its hash or its address. */
  key?: string;
  /** What the site calls it: its name in the store is of that, where its hash is not known. */
  called?: string;
}

/** A file that is on the device already. */
export interface LocalFile {
  kind: 'local';
  blob: Blob;
}

/** A file as the worker wants it. */
export type ResolvedFile = RemoteFile | LocalFile;

/** A model as the worker wants it: its file, or the parts in order. */
export type ResolvedModel = readonly ResolvedFile[];
