import { isBlob, isUrl } from '../protocol/brands.ts';
import { LinnetError } from '../protocol/errors.ts';
import type { RemoteFile, ResolvedFile, ResolvedModel } from '../protocol/model-files.ts';
import { completeEntry, type ListedFile, type ListedModel, type ModelEntry } from './entry.ts';
import { described, named, reading, wrong } from '../protocol/plain.ts';

/**
 * A file whose address changes, for example one that is signed for each visit. It is stored under its key. (For a plain
 * address every part counts, including the query: Linnet does not guess which parameters identify the file and which
 * only grant access.)
 */
export interface ModelAddress {
  readonly url: string | URL;
  /** A name for the file that stays the same at every visit. Another version of the file needs another key. */
  readonly key: string;
}

/**
 * A file of a model: the id of a listed model, a URL, a URL with a key, `stored:` and the key of an imported file, or a
 * file that the person chose.
 */
export type ModelFile = string | URL | ModelAddress | Blob;

/**
 * Where to get a model: the id of a listed model, the site's own entry, a URL, or a file that the person chose. A split
 * model (`…-00001-of-00003.gguf`) is the list of its parts, in order, or the URL of one of them; the other parts are
 * then expected next to it under their usual names.
 */
export type ModelSource = ModelFile | ModelEntry | readonly ModelFile[];

/** Values that are easily mistaken for a model, and what to pass instead. */
const NEAR_MODELS: Readonly<Record<string, string>> = {
  Promise: 'is a Promise: pass what it resolves to, such as `await fetch(url)`',
  Request: 'is a Request: pass its address, or what it fetches (`await fetch(request)`)',
  FileList: 'is a FileList: pass one of its files, or all parts of a split model as an array',
  HTMLInputElement: 'is an input element: pass the file that was chosen (`input.files[0]`)',
  SharedArrayBuffer: 'is shared memory: pass a copy of its bytes (`new Uint8Array(memory).slice()`)',
};

/** The prefix of the key of a file that exists only in the store, because a person imported it. */
export const STORED = 'stored:';

/** The context in which a source is resolved. */
export interface Lookup {
  /** Models that can be named by id. */
  models: { readonly all: readonly ListedModel[]; get(id: string): ListedModel | undefined };
  /** Folders that may have copies of listed models. They are tried before the public address. */
  bases: readonly (string | URL)[];
  /** The base of relative URLs. */
  here: string;
}

/**
 * Turns the caller's source into files to read.
 *
 * @throws LinnetError `invalid-request`, with `details.field`, if it is not a source
 */
export function resolveModel(source: ModelSource, lookup: Lookup): ResolvedModel {
  return reading(
    () => 'model',
    () => resolve(source, lookup),
  );
}

/**
 * A copy of the caller's source, which the caller cannot change during the load. Bytes and files are not copied.
 *
 * @throws LinnetError `invalid-request`, as {@link resolveModel} does
 */
export function copyOf(source: ModelSource, here: string): ModelSource {
  const ofFile = (file: ModelFile, field: string): ModelFile => {
    if (isUrl(file)) return hrefOf(file, field, here);
    if (typeof file !== 'object' || file === null || !isAddress(file)) return file;
    const { url, key } = file;
    return { url: isUrl(url) ? hrefOf(url, 'url', here) : url, key };
  };
  return reading(
    () => 'model',
    () => {
      if (isList(source)) return source.map((file, index) => ofFile(file, `model[${index}]`));
      return isEntry(source) ? completeEntry(source) : ofFile(source, 'model');
    },
  );
}

function resolve(source: ModelSource, lookup: Lookup): ResolvedModel {
  if (isList(source)) {
    if (source.length === 0) throw wrong('model', source, 'is an empty list, but must list the files of a model');
    return source.flatMap((file, index) => resolveFile(file, lookup, `model[${index}]`));
  }
  if (isEntry(source)) return completeEntry(source).files.map((file) => resolveListed(file, lookup));
  const files = resolveFile(source, lookup);
  const [first] = files;
  const isAddress = isUrl(source) || (typeof source === 'string' && !lookup.models.get(source));
  if (!isAddress || first?.kind !== 'remote' || first.key) return files;
  return partsOf(first.urls[0]!).map((url) => ({ kind: 'remote', urls: [url] }));
}

function isList(source: ModelSource): source is readonly ModelFile[] {
  return Array.isArray(source);
}

function isEntry(source: ModelFile | ModelEntry): source is ModelEntry {
  return isData(source) && ('files' in source || 'id' in source);
}

/** Whether it is a plain object of values: not an element, not a `Request`. */
function isData(source: unknown): source is object {
  return typeof source === 'object' && source !== null && described(source) === 'an object';
}

/** The error for a value that is not a model, with a hint if it is a common mistake. */
function noModel(source: unknown, { models }: Lookup, field: string): LinnetError {
  const inList = field !== 'model';
  const bytes = inList ? 'or an ArrayBuffer' : 'an ArrayBuffer, a ReadableStream or a Response';
  const near = NEAR_MODELS[described(source).replace('an object of the kind ', '')];
  const rule =
    near ?? `is ${described(source)}, but must be the id of a listed model, a URL, a File${inList ? '' : ','} ${bytes}`;
  return wrong(field, source, rule, { known: models.all.map(({ id }) => id) });
}

function isAddress(source: object): source is ModelAddress {
  return isData(source) && 'url' in source && !('files' in source);
}

/** @param field what it is called in errors */
function resolveFile(source: ModelFile, lookup: Lookup, field = 'model'): ResolvedFile[] {
  const { models, here } = lookup;
  if (isBlob(source)) return [{ kind: 'local', blob: sendable(source, field) }];
  if (isUrl(source)) return [{ kind: 'remote', urls: [hrefOf(source, field, here)] }];
  if (typeof source === 'object' && source !== null && isAddress(source)) return [resolveAddress(source, here)];
  if (typeof source !== 'string') throw noModel(source, lookup, field);

  if (source.startsWith(STORED)) return [{ kind: 'remote', urls: [], key: source.slice(STORED.length) }];
  const listed = models.get(source);
  if (listed) return listed.files.map((file) => resolveListed(file, lookup));
  // A single word would be a file next to the page, but is more likely a misspelt id.
  const url = /[/.:]/.test(source) ? parseUrl(source, here) : undefined;
  if (!url) {
    throw new LinnetError(
      'invalid-request',
      `"${source}" is neither the id of a listed model nor a URL that a page can fetch.`,
      {
        field,
        model: source,
        known: models.all.map((model) => model.id),
      },
    );
  }
  return [{ kind: 'remote', urls: [url.href] }];
}

function resolveAddress({ url, key }: ModelAddress, here: string): RemoteFile {
  const address = typeof url === 'string' || isUrl(url) ? parseUrl(url, here) : undefined;
  if (!address)
    throw wrong('url', url, `is ${named(isUrl(url) ? url.href : url)}, but must be a URL that a page can fetch`);
  if (typeof key !== 'string' || key === '') {
    throw wrong(
      'key',
      key,
      `is ${named(key)}, but must be a non-empty string that names the file. ` +
        'Pass an address that never changes as a string',
    );
  }
  return { kind: 'remote', urls: [address.href], called: key };
}

function resolveListed(file: ListedFile, { bases, here }: Lookup): RemoteFile {
  const { name, url, bytes, sha256, chunks, key } = file;
  const home = parseUrl(url, here);
  if (!home) throw wrong('url', url, `is ${named(url)}, which is not a URL that a page can fetch`);
  const urls = [...bases.map((base) => new URL(name, folder(base, here)).href), home.href];
  const known = {
    ...(bytes === null ? {} : { bytes }),
    ...(sha256 === null ? {} : { sha256 }),
    ...(chunks ? { chunks } : {}),
  };
  return { kind: 'remote', urls, ...known, ...(key === undefined ? {} : { called: key }) };
}

/**
 * Checks that a file can be sent to a worker: a proxy of a file looks like one, but cannot be sent.
 *
 * @throws LinnetError `invalid-request`
 */
function sendable(blob: Blob, field: string): Blob {
  try {
    structuredClone(blob);
    return blob;
  } catch {
    throw wrong(field, blob, 'is a proxy of a file, which cannot be sent to a worker: pass the file itself');
  }
}

function hrefOf(url: URL, field: string, here: string): string {
  let href: string;
  try {
    ({ href } = url);
  } catch {
    throw wrong(field, url, 'is a proxy of a URL, which cannot be read: pass the URL itself, or its text');
  }
  if (parseUrl(href, here)) return href;
  throw wrong(field, href, `is ${named(href)}, which is not a URL that a page can fetch`);
}

/** The URLs of all parts if the URL is a part of a split model, else the URL itself. */
function partsOf(url: string): string[] {
  const match = /^([^?#]*-)(\d{5})-of-(\d{5})(\.gguf(?:[?#].*)?)$/.exec(url);
  const [, name, number, count, rest] = match ?? [];
  if (!match || Number(number) < 1 || Number(number) > Number(count)) return [url];
  return Array.from(
    { length: Number(count) },
    (_, no) => `${name}${String(no + 1).padStart(5, '0')}-of-${count}${rest}`,
  );
}

/** Whether a page can fetch a file, or the files of a folder, from this address. */
export function isModelAddress(url: string, here: string): boolean {
  return parseUrl(url, here) !== undefined;
}

/** An address that looks fetchable. Apps have their own schemes, so only schemes that never work are rejected. */
function parseUrl(url: string | URL, here: string): URL | undefined {
  try {
    const parsed = new URL(url, here);
    const { protocol, username, password } = parsed;
    const refused =
      /^(javascript|about|mailto|tel):$/.test(protocol) || (protocol === 'file:' && !here.startsWith('file:'));
    return refused || username || password ? undefined : parsed;
  } catch {
    return undefined;
  }
}

/** A folder's URL must end in a slash, or its last part would be replaced by the file's name. */
function folder(base: string | URL, here: string): URL {
  const url = parseUrl(base, here);
  if (!url) throw wrong('modelBase', base, `is ${named(String(base))}, which is not a URL that a page can fetch`);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
