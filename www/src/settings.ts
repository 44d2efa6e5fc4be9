import type { Backend, LoadOptions, ModelFile, ModelSource, Pace } from 'linnet';
import { models } from 'linnet';
import { plainName } from 'linnet/markdown';

/** How the name of an imported file begins; what follows is its key in the store. */
const IMPORTED = 'stored:';

/** What the page is to load: from its address, and later from the dialog. */
export interface Settings {
  model: ModelSource;
  backend: Backend;
  /** Whether a file of the person's is copied into the browser's storage first. */
  keep?: boolean;
  threads?: number;
  contextLength?: number;
  /** How fast it answers. */
  pace: Pace;
}

/**
 * Reads `?model=URL-or-id&backend=auto|webgpu|cpu&threads=N&context=N&pace=full|gentle|auto`. What makes no sense is handed on all the same:
 * the package says what is wrong with it, and the page shows that.
 */
export function settingsFrom(search: string): Settings {
  const query = new URLSearchParams(search);
  const settings: Settings = {
    model: query.get('model') ?? models.all[0]!.id,
    backend: (query.get('backend') ?? 'auto') as Backend,
    pace: (query.get('pace') ?? 'auto') as Pace,
  };
  const threads = query.get('threads');
  if (threads !== null) settings.threads = Number(threads);
  const context = query.get('context');
  if (context !== null) settings.contextLength = Number(context);
  return settings;
}

/** The address that leads to the same settings again. A file that the person chose has none: it is left out. */
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

/** The same, as the package wants it. A copy of a listed model that lies beside this page is preferred. */
export function loadOptions({ backend, threads, contextLength, pace }: Settings): LoadOptions {
  return {
    backend,
    modelBase: './models/',
    // Somebody waits for the answers, on a device that may be anything.
    keepAwake: true,
    pace,
    ...(threads === undefined ? {} : { threads }),
    ...(contextLength === undefined ? {} : { contextLength }),
  };
}

/** Whether it comes from the person's device, as one file or several. */
export function isOwn(model: ModelSource): boolean {
  return model instanceof Blob || Array.isArray(model);
}

/** Whether it is a file that was imported into the browser's storage. */
export function isImported(model: ModelSource): boolean {
  return typeof model === 'string' && model.startsWith(IMPORTED);
}

/** A short name for people. */
export function nameOf(source: ModelSource): string {
  const model = Array.isArray(source) ? (source as readonly ModelFile[])[0] : source;
  if (model instanceof File) return plainName(model.name);
  if (model instanceof Blob) return 'A file';
  const listed = typeof model === 'string' ? models.get(model) : undefined;
  if (listed) return listed.name;
  if (isImported(source)) return 'Your model';
  const path = String(model).split(/[?#]/)[0]!;
  const name = path.slice(path.lastIndexOf('/') + 1) || path;
  return plainName(name.replace(/\.gguf$/i, ''));
}
