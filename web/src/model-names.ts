import { completeEntry, type ListedModel, models } from './models.ts';
import { STORED, type ModelSource } from './sources.ts';

/** What a loaded model is called. */
export interface ModelNames {
  /** Its name in the list, if it is a listed model, or an entry of the site's own. */
  listed: string | undefined;
  /** What else requests may call it: its id, its files' names and their addresses. */
  others: readonly string[];
}

/** The names of what the caller has loaded. */
export function namesOf(source: unknown, here: string): ModelNames {
  const model = listedOf(source, here);
  const files = model ? model.files.flatMap(({ name, url }) => [name, url, absolute(url, here)]) : filesOf(source).flatMap((file) => ofFile(file, here));
  const given = typeof source === 'string' ? [source] : [];
  return { listed: model?.name, others: [...new Set([...(model ? [model.id] : []), ...given, ...files])] };
}

/** The listed model that it is, whether it was named by its id or by the address of its only file, or is an entry of the site's own. */
export function listedOf(source: unknown, here: string): ListedModel | undefined {
  if (typeof source === 'object' && source && 'files' in source && 'id' in source) return completeEntry(source as ListedModel);
  if (typeof source !== 'string' && !(source instanceof URL)) return undefined;
  const text = String(source);
  const is = ({ files }: ListedModel) => {
    const [file, ...more] = files;
    return more.length === 0 && file && (absolute(file.url, here) === absolute(text, here) || `${STORED}${file.sha256}` === text);
  };
  return models.get(text) ?? models.all.find(is);
}

function filesOf(source: unknown): readonly unknown[] {
  return Array.isArray(source) ? (source as Exclude<ModelSource, string>[]) : [source];
}

function ofFile(file: unknown, here: string): string[] {
  if (file instanceof Blob) return 'name' in file && file.name ? [String(file.name)] : [];
  if (typeof file === 'object' && file && 'url' in file) return [...('key' in file ? [String(file.key)] : []), ...ofFile(String(file.url), here)];
  if (typeof file !== 'string' && !(file instanceof URL)) return [];
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
