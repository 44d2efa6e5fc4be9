import type { ChunkHashes } from '../protocol/model-files.ts';
import { described, named, plain, wrong } from '../protocol/plain.ts';

/** A file of a listed model. `null` stands for what is not known. */
export interface ListedFile {
  /** The file's name, which a site that serves the file itself should keep. */
  readonly name: string;
  /** The file's public home. */
  readonly url: string;
  readonly bytes: number | null;
  /** About how large it is, where `bytes` is not known. */
  readonly approxBytes?: number;
  /** The file's SHA-256, in lower-case hex. */
  readonly sha256: string | null;
  /** The same of its chunks. */
  readonly chunks?: ChunkHashes;
  /** What the file is stored under where its hash is not known, if its address changes, as a signed one does. */
  readonly key?: string;
}

/** How a model's makers recommend to choose its tokens; what is not here is as the engine has it. */
export interface RecommendedSampling {
  readonly temperature: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly min_p?: number;
  readonly presence_penalty?: number;
}

/** A model that can be loaded by its name, with what is needed to choose it, to fetch it and to check what came. */
export interface ListedModel {
  /** The word to give to `Linnet.load`. */
  readonly id: string;
  /** The name to show to people. */
  readonly name: string;
  /** `phone`: for any browser of today; `gpu`: for a desktop's WebGPU. */
  readonly tier: 'phone' | 'gpu';
  /** One file, or the parts of a split model in order. */
  readonly files: readonly ListedFile[];
  /** The licence of the weights, as SPDX writes it. */
  readonly license: string | null;
  readonly parameters: number | null;
  /** Tokens that it was trained for. */
  readonly context: number | null;
  readonly memory: {
    /** Bytes that a token of context takes, keys and values in f16. */
    readonly kvPerToken: number | null;
    /** Bytes, where they may exceed a GPU's limits. */
    readonly largestTensor?: number;
  };
  /** The languages that it is best at, as BCP 47 writes them. */
  readonly languages: readonly string[];
  /** What its chat template can do. */
  readonly template: {
    readonly system: boolean;
    /** Whether it thinks aloud before it answers. */
    readonly reasoning: 'none' | 'optional' | 'always';
    readonly tools: boolean;
  };
  /** What its makers recommend; requests that say nothing else are answered so. */
  readonly sampling: RecommendedSampling | null;
  /** Whether Linnet's own tests run this very file. */
  readonly tested: boolean;
}

/** A model of a site's own: what it leaves out is taken as unknown. */
export interface ModelEntry extends Partial<Omit<ListedModel, 'files'>> {
  readonly id: string;
  readonly files: readonly (Partial<ListedFile> & Pick<ListedFile, 'url'>)[];
}

/** The size of all its files, as far as that is known, even if only about. */
export function bytesOf({ files }: ListedModel): number | undefined {
  const sizes = files.map(({ bytes, approxBytes }) => bytes ?? approxBytes);
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

/** An entry with all its fields. @throws LinnetError `invalid-request`, with the field that is wrong */
export function completeEntry(given: ModelEntry): ListedModel {
  // It goes to a worker, to which no proxy of a framework can be sent.
  const entry = plain(given, 'model') as ModelEntry;
  const { id, files } = entry;
  if (typeof id !== 'string' || !/^[a-z0-9][a-z0-9.-]*$/.test(id)) {
    throw wrong('id', id, `is ${named(id)}, but must be a name of lower-case letters, digits, dots and hyphens`);
  }
  if (!Array.isArray(files) || files.length === 0) throw wrong('files', files, `is ${described(files)}, but must be a list of at least one file`, { model: id });
  return {
    name: id,
    tier: 'phone',
    license: null,
    parameters: null,
    context: null,
    memory: { kvPerToken: null },
    languages: [],
    template: { system: true, reasoning: 'none', tools: false },
    sampling: null,
    tested: false,
    ...entry,
    files: entry.files.map((file, index) => completeFile(file, `files[${index}]`, id)),
  };
}

function completeFile(file: ModelEntry['files'][number], place: string, id: string): ListedFile {
  const { url, bytes = null, sha256 = null, chunks, key } = file;
  if (typeof url !== 'string' || url === '') throw wrong(`${place}.url`, url, `is ${named(url)}, but must be an address`, { model: id });
  if (bytes !== null && !(Number.isSafeInteger(bytes) && bytes > 0)) throw wrong(`${place}.bytes`, bytes, `is ${named(bytes)}, but must be a whole number above 0`, { model: id });
  if (sha256 !== null && !isHash(sha256)) throw wrong(`${place}.sha256`, sha256, `is ${named(sha256)}, but must be 64 lower-case hex digits`, { model: id });
  if (key !== undefined && (typeof key !== 'string' || key === '')) throw wrong(`${place}.key`, key, `is ${named(key)}, but must be a non-empty string`, { model: id });
  if (chunks) {
    if (bytes === null || sha256 === null) throw wrong(`${place}.chunks`, chunks, 'requires `bytes` and `sha256`', { model: id });
    const { bytes: size, sha256: hashes } = chunks;
    if (!(Number.isSafeInteger(size) && size >= 65_536 && size <= 16 << 20)) throw wrong(`${place}.chunks.bytes`, size, 'must be from 64 KB to 16 MB', { model: id });
    const fits = Array.isArray(hashes) && hashes.every(isHash) && hashes.length === Math.ceil(bytes / size);
    if (!fits) throw wrong(`${place}.chunks.sha256`, hashes?.length, 'must list the SHA-256 of each chunk', { model: id });
  }
  const name = file.name ?? url.split(/[?#]/)[0]!.split('/').at(-1)!;
  return { ...file, name, url, bytes, sha256 };
}

function isHash(text: unknown): boolean {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}
