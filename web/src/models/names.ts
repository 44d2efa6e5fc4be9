import { isBlob, isUrl } from '../protocol/brands.ts';
import { models } from './models.ts';
import { completeEntry, type ListedModel } from './entry.ts';
import { STORED } from './sources.ts';

/** The names of a loaded model. */
export interface ModelNames {
  /** Its name in the list, or in the site's own entry. */
  listed: string | undefined;
  /** Other names that requests may use: its id, its files' names and addresses. */
  others: readonly string[];
}

/** The names of the model that the caller passed. */
export function namesOf(source: unknown, here: string): ModelNames {
  const model = listedOf(source, here);
  const given = typeof source === 'string' ? [source] : [];
  if (!model) {
    const files: unknown[] = Array.isArray(source) ? source : [source];
    return { listed: undefined, others: [...new Set([...given, ...files.flatMap((file) => ofFile(file, here))])] };
  }
  const files = model.files.flatMap(({ name, url }) => [name, url, absolute(url, here)]);
  return { listed: model.name, others: [...new Set([model.id, ...given, ...files])] };
}

/** The listed model with that id, or whose only file has that address; or the site's own entry. */
export function listedOf(source: unknown, here: string): ListedModel | undefined {
  if (typeof source === 'object' && source && 'files' in source && 'id' in source) {
    return completeEntry(source as ListedModel);
  }
  if (typeof source !== 'string' && !isUrl(source)) return undefined;
  const text = String(source);
  const is = ({ files }: ListedModel) => {
    const [file, ...more] = files;
    if (!file || more.length > 0) return false;
    return absolute(file.url, here) === absolute(text, here) || `${STORED}${file.sha256}` === text;
  };
  return models.get(text) ?? models.all.find(is);
}

function ofFile(file: unknown, here: string): string[] {
  if (isBlob(file)) return 'name' in file && file.name ? [String(file.name)] : [];
  if (typeof file === 'object' && file && 'url' in file) {
    return [...('key' in file ? [String(file.key)] : []), ...ofFile(String(file.url), here)];
  }
  if (typeof file !== 'string' && !isUrl(file)) return [];
  const address = absolute(String(file), here);
  const name = address.split(/[?#]/)[0]!.split('/').at(-1);
  return [String(file), address, ...(name ? [name] : [])];
}

function absolute(url: string, here: string): string {
  try {
    return new URL(url, here).href;
  } catch {
    return url;
  }
}
