import type { Backend, EngineInfo, ListedModel, LoadOptions, ModelFile, ModelSource, Pace } from 'linnet';
import { models } from 'linnet';
import { plainName } from 'linnet/markdown';
import type { Query } from './query.ts';

/** The prefix of an imported file's name; its key in the store follows. */
const IMPORTED = 'stored:';

/** The load settings, from the page's address and later from the dialog. */
export interface Settings {
  model: ModelSource;
  backend: Backend;
  /** Whether the person's file is first copied into the browser's storage. */
  keep?: boolean;
  threads?: number;
  contextLength?: number;
  /** How fast answers are computed. */
  pace: Pace;
}

const BACKENDS: readonly Backend[] = ['auto', 'webgpu', 'cpu'];
const PACES: readonly Pace[] = ['full', 'gentle', 'auto'];
const COUNT = { min: 1, max: Infinity, integer: true };
/** A shorter context cannot hold a question and its answer. */
const LEAST_CONTEXT = 64;
/** More tokens than any current model was trained for. */
const MOST_CONTEXT = 2 ** 24;

/** Reads `?model=URL-or-id&backend=auto|webgpu|cpu&threads=N&context=N&pace=full|gentle|auto`. */
export function settingsFrom(query: Query): Settings {
  const settings: Settings = {
    model: query.text('model', wrongModel) ?? models.all[0]!.id,
    backend: query.choice('backend', BACKENDS) ?? 'auto',
    pace: query.choice('pace', PACES) ?? 'auto',
  };
  const threads = query.number('threads', COUNT);
  if (threads !== undefined) settings.threads = threads;
  const trained = typeof settings.model === 'string' ? models.get(settings.model)?.context : undefined;
  const context = query.number('context', { min: LEAST_CONTEXT, max: trained ?? MOST_CONTEXT, integer: true });
  if (context !== undefined) settings.contextLength = context;
  return settings;
}

/** Describes what is wrong with a model's name in an address that is neither a listed model nor fetchable. */
function wrongModel(model: string): string | undefined {
  if (models.get(model) || isImported(model)) return undefined;
  // A single word would be a file next to the page, but is more likely a misspelt id.
  if (!/[/.:]/.test(model)) return `there is no model of that name in the list, so ${models.all[0]!.name} is used`;
  const url = addressIn(model);
  return url && /^https?:$/.test(url.protocol)
    ? undefined
    : `it is not the address of a model, so ${models.all[0]!.name} is used`;
}

/** The address of a model that is neither listed nor the person's file. */
export function addressIn(model: ModelSource): URL | undefined {
  if (isOwn(model) || isImported(model) || models.get(String(model))) return undefined;
  try {
    return new URL(String(model), document.baseURI);
  } catch {
    return undefined;
  }
}

/** The page's address with these settings. A file that the person chose has no address and is left out. */
export function addressOf({ model, backend, threads, contextLength, pace }: Settings, here: string): string {
  const url = new URL(here);
  const fields: Record<string, string | undefined> = {
    model: isOwn(model) || model === models.all[0]!.id ? undefined : String(model),
    backend: backend === 'auto' ? undefined : backend,
    threads: threads?.toString(),
    context: contextLength?.toString(),
    pace: pace === 'auto' ? undefined : pace,
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href;
}

/** The settings as options of the package. A copy of a listed model next to this page is preferred. */
export function loadOptions({ backend, threads, contextLength, pace }: Settings): LoadOptions {
  return {
    backend,
    modelBase: './models/',
    // Somebody waits for the answers, on an unknown device.
    keepAwake: true,
    pace,
    ...(threads === undefined ? {} : { threads }),
    ...(contextLength === undefined ? {} : { contextLength }),
  };
}

/** Whether it is the person's file, or several. */
export function isOwn(model: ModelSource): boolean {
  return model instanceof Blob || Array.isArray(model);
}

/** Whether it is a file that was imported into the browser's storage. */
export function isImported(model: ModelSource): boolean {
  return typeof model === 'string' && model.startsWith(IMPORTED);
}

/**
 * The display name: a listed model's name in the list, wherever it is from; for others the name in the file, once it is
 * loaded.
 */
export function nameOf(source: ModelSource, loaded?: EngineInfo): string {
  const listed = listedModel(source);
  if (listed) return listed.name;
  return plainName(loaded?.model.name ?? '') || plainName(fileName(source));
}

/** The listed model with this id or file address. */
function listedModel(source: ModelSource): ListedModel | undefined {
  const byId = typeof source === 'string' ? models.get(source) : undefined;
  const address = byId ? undefined : addressIn(source)?.href;
  return (
    byId ??
    (address === undefined
      ? undefined
      : models.all.find(({ files }) => new URL(files[0]!.url, document.baseURI).href === address))
  );
}

function fileName(source: ModelSource): string {
  const model = Array.isArray(source) ? (source as readonly ModelFile[])[0] : source;
  if (model instanceof File) return model.name;
  if (model instanceof Blob) return 'A file';
  if (isImported(source)) return 'Your model';
  const path = String(model).split(/[?#]/)[0]!;
  const name = path.slice(path.lastIndexOf('/') + 1) || path;
  return name.replace(/\.gguf$/i, '');
}
