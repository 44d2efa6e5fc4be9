import type { SamplingParameters } from '../protocol/generated.ts';
import type { ChunkHashes } from '../protocol/model-files.ts';
import { described, named, plain, wrong } from '../protocol/plain.ts';
import { checkFields, describedBy, FILE_RULES, known } from './entry-fields.ts';

/** A file of a listed model. `null` means unknown. */
export interface ListedFile {
  /** The file's name. Sites that serve the file themselves should keep it. */
  readonly name: string;
  /** The file's public address. */
  readonly url: string;
  readonly bytes: number | null;
  /** The approximate size, if `bytes` is not known. */
  readonly approxBytes?: number;
  /** The file's SHA-256, in lower-case hex. */
  readonly sha256: string | null;
  /** Hashes of the file's chunks. */
  readonly chunks?: ChunkHashes;
  /** A name for the file in the store, if its hash is unknown and its address changes, as signed addresses do. */
  readonly key?: string;
}

/** The sampling that a model's makers recommend. Missing fields take the engine's defaults. */
export type RecommendedSampling = { readonly temperature: number } & {
  readonly [Name in keyof SamplingParameters]?: number;
};

/** A model that can be loaded by id, with the facts needed to choose it, download it and verify it. */
export interface ListedModel {
  /** The id to pass to `Linnet.load`. */
  readonly id: string;
  /** The name to display. */
  readonly name: string;
  /** `phone`: runs in any current browser; `gpu`: needs WebGPU on a desktop. */
  readonly tier: 'phone' | 'gpu';
  /** One file, or the parts of a split model in order. */
  readonly files: readonly ListedFile[];
  /** The licence of the weights, as an SPDX expression. */
  readonly license: string | null;
  readonly parameters: number | null;
  /** The context length that it was trained for, in tokens. */
  readonly context: number | null;
  readonly memory: {
    /** Bytes of KV cache per token, with keys and values in f16. */
    readonly kvPerToken: number | null;
    /** Bytes of the largest tensor, if it may exceed a GPU's limits. */
    readonly largestTensor?: number;
  };
  /** The languages it supports best, as BCP 47 tags. */
  readonly languages: readonly string[];
  /** What its chat template supports. */
  readonly template: {
    readonly system: boolean;
    /** Whether it reasons before it answers. */
    readonly reasoning: 'none' | 'optional' | 'always';
    /** Whether it reasons if a request does not say. */
    readonly thinks: boolean;
    readonly tools: boolean;
  };
  /** The sampling that its makers recommend, used for the fields that a request leaves out. */
  readonly sampling: RecommendedSampling | null;
  /** Whether Linnet's own tests run this file. */
  readonly tested: boolean;
}

/** A site's own model. Missing fields count as unknown. */
export interface ModelEntry extends Partial<Omit<ListedModel, 'files'>> {
  readonly id: string;
  readonly files: readonly (Partial<ListedFile> & Pick<ListedFile, 'url'>)[];
}

/** The total size of its files in bytes, approximate if need be; `undefined` if unknown. */
export function bytesOf({ files }: ListedModel): number | undefined {
  const sizes = files.map(({ bytes, approxBytes }) => bytes ?? approxBytes);
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

/**
 * Checks an entry and fills in its missing fields.
 *
 * @throws LinnetError `invalid-request`, with the field that is wrong
 */
export function completeEntry(given: ModelEntry): ListedModel {
  // It is sent to a worker, and proxies of a framework cannot be sent.
  const entry = plain(given, 'model') as ModelEntry;
  const { id, files, ...fields } = entry;
  if (typeof id !== 'string' || !/^[a-z0-9][a-z0-9.-]*$/.test(id)) {
    throw wrong('id', id, `is ${named(id)}, but must be a name of lower-case letters, digits, dots and hyphens`);
  }
  if (!Array.isArray(files) || files.length === 0)
    throw wrong('files', files, `is ${described(files)}, but must be a list of at least one file`, { model: id });
  return {
    ...(describedBy(fields, id) as Omit<ListedModel, 'id' | 'files'>),
    id,
    files: files.map((file, index) => completeFile(file, `files[${index}]`, id)),
  };
}

function completeFile(given: ModelEntry['files'][number], place: string, id: string): ListedFile {
  if (typeof given !== 'object' || given === null)
    throw wrong(place, given, `is ${named(given)}, but must be an object with the \`url\` of the file`, { model: id });
  const file = known(given);
  const { url, bytes = null, sha256 = null, chunks } = file;
  // A key that is not known would store another copy at each visit.
  const { key } = given;
  if (typeof url !== 'string' || url === '')
    throw wrong(`${place}.url`, url, `is ${named(url)}, but must be an address`, { model: id });
  if (bytes !== null && !(Number.isSafeInteger(bytes) && bytes > 0))
    throw wrong(`${place}.bytes`, bytes, `is ${named(bytes)}, but must be a whole number above 0`, { model: id });
  if (sha256 !== null && !isHash(sha256))
    throw wrong(`${place}.sha256`, sha256, `is ${named(sha256)}, but must be 64 lower-case hex digits`, { model: id });
  if (key !== undefined && (typeof key !== 'string' || key === ''))
    throw wrong(`${place}.key`, key, `is ${named(key)}, but must be a non-empty string`, { model: id });
  if (chunks) {
    if (bytes === null || sha256 === null)
      throw wrong(`${place}.chunks`, chunks, 'requires `bytes` and `sha256`', { model: id });
    const { bytes: size, sha256: hashes } = chunks;
    if (!(Number.isSafeInteger(size) && size >= 65_536 && size <= 16 << 20))
      throw wrong(`${place}.chunks.bytes`, size, 'must be from 64 KB to 16 MB', { model: id });
    const fits = Array.isArray(hashes) && hashes.every(isHash) && hashes.length === Math.ceil(bytes / size);
    if (!fits)
      throw wrong(`${place}.chunks.sha256`, hashes?.length, 'must list the SHA-256 of each chunk', { model: id });
  }
  checkFields(file, FILE_RULES, `${place}.`, id);
  const name = file.name ?? url.split(/[?#]/)[0]!.split('/').at(-1)!;
  return { ...file, name, url, bytes, sha256 };
}

function isHash(text: unknown): boolean {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}
