import { LinnetError } from './errors.ts';
import list from './models.json' with { type: 'json' };

/** A model that the package knows by name, with what is needed to fetch it and to check what came. */
export interface ListedModel {
  /** The word to give to `Linnet.load`. */
  readonly id: string;
  /** The name to show to people. */
  readonly name: string;
  /** The file's name, which a site that serves the file itself should keep. */
  readonly file: string;
  /** The file's public home. */
  readonly url: string;
  /** The file's size. */
  readonly bytes: number;
  /** The file's SHA-256, in lower-case hex. */
  readonly sha256: string;
  /** The same of its chunks. */
  readonly chunks?: ChunkHashes;
  /** The licence of the weights, as SPDX writes it. */
  readonly license: string;
}

/** The models that can be loaded by id. The first one is the default of the demo. */
export const models: readonly ListedModel[] = list;

/** A file of a model: the id of one of the {@link models}, a URL, or a file that the person chose. */
export type ModelFile = string | URL | Blob;

/**
 * Where a model is to come from. A split model (`…-00001-of-00003.gguf`) is the list of its parts, in order, or the URL of
 * one of them: the others are then taken to lie beside it under their usual names.
 */
export type ModelSource = ModelFile | readonly ModelFile[];

/** A file to read from the network, and what is known about it beforehand. */
export interface RemoteFile {
  kind: 'remote';
  /** Places to try, in order: the next one is asked only if one has not given a single byte. */
  urls: string[];
  bytes?: number;
  sha256?: string;
  chunks?: ChunkHashes;
}

/** Hashes of a file's chunks: with them a wrong byte is found where it is, and costs one chunk and not the file. */
export interface ChunkHashes {
  /** Bytes of each chunk but the last. */
  readonly bytes: number;
  /** The chunks' SHA-256, in lower-case hex. */
  readonly sha256: readonly string[];
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

/**
 * Turns what the caller named into something to read.
 *
 * @param bases folders that may hold copies of listed models; asked before the public home
 * @param here what relative URLs are relative to
 * @throws LinnetError `invalid-request` if a string is neither a listed id nor a URL, or if a list is empty
 */
export function resolveModel(source: ModelSource, bases: readonly (string | URL)[], here: string): ResolvedModel {
  if (isList(source)) {
    if (source.length === 0) throw new LinnetError('invalid-request', 'The list of the model’s files is empty.');
    return source.map((file) => resolveFile(file, bases, here));
  }
  const file = resolveFile(source, bases, here);
  const whole = file.kind === 'local' || file.sha256 !== undefined;
  return whole ? [file] : partsOf(file.urls[0]!).map((url) => ({ kind: 'remote', urls: [url] }));
}

function isList(source: ModelSource): source is readonly ModelFile[] {
  return Array.isArray(source);
}

function resolveFile(source: ModelFile, bases: readonly (string | URL)[], here: string): ResolvedFile {
  if (source instanceof Blob) return { kind: 'local', blob: source };
  if (source instanceof URL) return { kind: 'remote', urls: [source.href] };

  const listed = models.find((model) => model.id === source);
  if (listed) {
    const { file, url, bytes, sha256, chunks } = listed;
    const urls = [...bases.map((base) => new URL(file, folder(base, here)).href), url];
    return { kind: 'remote', urls, bytes, sha256, ...(chunks ? { chunks } : {}) };
  }
  // A word alone would be a file beside the page, and is much likelier a misspelt id.
  const url = /[/.:]/.test(source) ? parse(source, here) : undefined;
  if (!url) {
    throw new LinnetError('invalid-request', `There is no model "${source}" in the list, and it is not a URL.`, {
      model: source,
      known: models.map((model) => model.id),
    });
  }
  return { kind: 'remote', urls: [url.href] };
}

/** The URLs of all parts if that is one of a split model's, else the URL itself. */
function partsOf(url: string): string[] {
  const match = /^([^?#]*-)(\d{5})-of-(\d{5})(\.gguf(?:[?#].*)?)$/.exec(url);
  const [, name, number, count, rest] = match ?? [];
  if (!match || Number(number) < 1 || Number(number) > Number(count)) return [url];
  return Array.from({ length: Number(count) }, (_, no) => `${name}${String(no + 1).padStart(5, '0')}-of-${count}${rest}`);
}

function parse(url: string, base: string): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}

/** A folder's URL ends in a slash, or its last part would be replaced by the file's name. */
function folder(base: string | URL, here: string): URL {
  const url = new URL(base, here);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
