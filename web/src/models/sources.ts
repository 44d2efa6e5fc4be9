import { LinnetError } from '../protocol/errors.ts';
import type { RemoteFile, ResolvedFile, ResolvedModel } from '../protocol/model-files.ts';
import { completeEntry, type ListedFile, type ListedModel, type ModelEntry } from './entry.ts';
import { described, named, wrong } from '../protocol/plain.ts';

/**
 * A file whose address changes, such as one that is signed anew for each visit: it is stored under its key. (Of an address alone
 * every part counts, the query too: Linnet does not guess which parameters name the file and which only open the door.)
 */
export interface ModelAddress {
  readonly url: string | URL;
  /** What the file is called at every visit; another version of it needs another key. */
  readonly key: string;
}

/**
 * A file of a model: the id of a listed model, a URL, a URL with a key, `stored:` and the key of an imported file, or a file that
 * the person chose.
 */
export type ModelFile = string | URL | ModelAddress | Blob;

/**
 * Where a model is to come from: the id of a listed model, an entry of the site's own, a URL, or a file that the person chose. A
 * split model (`…-00001-of-00003.gguf`) is the list of its parts, in order, or the URL of one of them: the others are then taken
 * to lie beside it under their usual names.
 */
export type ModelSource = ModelFile | ModelEntry | readonly ModelFile[];

/** What is easily taken for a model, and what to pass instead. */
const NEAR_MODELS: Readonly<Record<string, string>> = {
  Promise: 'is a Promise: pass what it resolves to, such as `await fetch(url)`',
  Request: 'is a Request: pass its address, or what it fetches (`await fetch(request)`)',
  FileList: 'is a FileList: pass one of its files, or all parts of a split model as an array',
  HTMLInputElement: 'is an input element: pass the file that was chosen (`input.files[0]`)',
  SharedArrayBuffer: 'is shared memory: pass a copy of its bytes (`new Uint8Array(memory).slice()`)',
};

/** Before the key of a file that is in the store and nowhere else, because a person gave it. */
export const STORED = 'stored:';

/** What it takes to find the files of a source. */
export interface Lookup {
  /** The models that have ids. */
  models: { readonly all: readonly ListedModel[]; get(id: string): ListedModel | undefined };
  /** Folders that may hold copies of listed models; asked before the public home. */
  bases: readonly (string | URL)[];
  /** What relative URLs are relative to. */
  here: string;
}

/**
 * Turns what the caller named into something to read.
 *
 * @throws LinnetError `invalid-request`, with `details.field`, if it is nothing that can be read
 */
export function resolveModel(source: ModelSource, lookup: Lookup): ResolvedModel {
  if (isList(source)) {
    if (source.length === 0) throw wrong('model', source, 'is an empty list, but must list the files of a model');
    return source.flatMap((file, index) => resolveFile(file, lookup, `model[${index}]`));
  }
  if (isEntry(source)) return completeEntry(source).files.map((file) => resolveListed(file, lookup));
  const files = resolveFile(source, lookup);
  const [first] = files;
  const isAddress = source instanceof URL || (typeof source === 'string' && !lookup.models.get(source));
  if (!isAddress || first?.kind !== 'remote' || first.key) return files;
  return partsOf(first.urls[0]!).map((url) => ({ kind: 'remote', urls: [url] }));
}

function isList(source: ModelSource): source is readonly ModelFile[] {
  return Array.isArray(source);
}

function isEntry(source: ModelFile | ModelEntry): source is ModelEntry {
  return isData(source) && ('files' in source || 'id' in source);
}

/** An object that holds values and is nothing else: no element, no `Request`. */
function isData(source: unknown): source is object {
  return typeof source === 'object' && source !== null && described(source) === 'an object';
}

/** The error of what is no model, and the way to one where it is near. */
function noModel(source: unknown, { models }: Lookup, field: string): LinnetError {
  const inList = field !== 'model';
  const bytes = inList ? 'or an ArrayBuffer' : 'an ArrayBuffer, a ReadableStream or a Response';
  const near = NEAR_MODELS[described(source).replace('an object of the kind ', '')];
  const rule = near ?? `is ${described(source)}, but must be the id of a listed model, a URL, a File${inList ? '' : ','} ${bytes}`;
  return wrong(field, source, rule, { known: models.all.map(({ id }) => id) });
}

function isAddress(source: object): source is ModelAddress {
  return isData(source) && 'url' in source && !('files' in source);
}

/** @param field what it is called in errors */
function resolveFile(source: ModelFile, lookup: Lookup, field = 'model'): ResolvedFile[] {
  const { models, here } = lookup;
  if (source instanceof Blob) return [{ kind: 'local', blob: sendable(source, field) }];
  if (source instanceof URL) return [{ kind: 'remote', urls: [hrefOf(source, field, here)] }];
  if (typeof source === 'object' && source !== null && isAddress(source)) return [resolveAddress(source, here)];
  if (typeof source !== 'string') throw noModel(source, lookup, field);

  if (source.startsWith(STORED)) return [{ kind: 'remote', urls: [], key: source.slice(STORED.length) }];
  const listed = models.get(source);
  if (listed) return listed.files.map((file) => resolveListed(file, lookup));
  // A word alone would be a file beside the page, and is much likelier a misspelt id.
  const url = /[/.:]/.test(source) ? parseUrl(source, here) : undefined;
  if (!url) {
    throw new LinnetError('invalid-request', `"${source}" is neither the id of a listed model nor a URL that a page can fetch.`, {
      field,
      model: source,
      known: models.all.map((model) => model.id),
    });
  }
  return [{ kind: 'remote', urls: [url.href] }];
}

function resolveAddress({ url, key }: ModelAddress, here: string): RemoteFile {
  const address = typeof url === 'string' || url instanceof URL ? parseUrl(url, here) : undefined;
  if (!address) throw wrong('url', url, `is ${named(url instanceof URL ? url.href : url)}, but must be a URL that a page can fetch`);
  if (typeof key !== 'string' || key === '') {
    throw wrong('key', key, `is ${named(key)}, but must be a non-empty string that names the file. Pass an address that never changes as a string`);
  }
  return { kind: 'remote', urls: [address.href], called: key };
}

function resolveListed(file: ListedFile, { bases, here }: Lookup): RemoteFile {
  const { name, url, bytes, sha256, chunks, key } = file;
  const home = parseUrl(url, here);
  if (!home) throw wrong('url', url, `is ${named(url)}, which is not a URL that a page can fetch`);
  const urls = [...bases.map((base) => new URL(name, folder(base, here)).href), home.href];
  const known = { ...(bytes === null ? {} : { bytes }), ...(sha256 === null ? {} : { sha256 }), ...(chunks ? { chunks } : {}) };
  return { kind: 'remote', urls, ...known, ...(key === undefined ? {} : { called: key }) };
}

/** A file that a worker can be sent. A proxy of one passes for it, and is none. @throws LinnetError `invalid-request` */
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

/** The URLs of all parts if that is one of a split model's, else the URL itself. */
function partsOf(url: string): string[] {
  const match = /^([^?#]*-)(\d{5})-of-(\d{5})(\.gguf(?:[?#].*)?)$/.exec(url);
  const [, name, number, count, rest] = match ?? [];
  if (!match || Number(number) < 1 || Number(number) > Number(count)) return [url];
  return Array.from({ length: Number(count) }, (_, no) => `${name}${String(no + 1).padStart(5, '0')}-of-${count}${rest}`);
}

/** Whether a page can fetch a file, or what is in a folder, from there. */
export function isModelAddress(url: string, here: string): boolean {
  return parseUrl(url, here) !== undefined;
}

/** An address that can be fetched, as far as it shows. Apps have schemes of their own, so that only those are refused that never work. */
function parseUrl(url: string | URL, here: string): URL | undefined {
  try {
    const parsed = new URL(url, here);
    const { protocol, username, password } = parsed;
    const refused = /^(javascript|about|mailto|tel):$/.test(protocol) || (protocol === 'file:' && !here.startsWith('file:'));
    return refused || username || password ? undefined : parsed;
  } catch {
    return undefined;
  }
}

/** A folder's URL ends in a slash, or its last part would be replaced by the file's name. */
function folder(base: string | URL, here: string): URL {
  const url = parseUrl(base, here);
  if (!url) throw wrong('modelBase', base, `is ${named(String(base))}, which is not a URL that a page can fetch`);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
