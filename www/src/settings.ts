import type { Backend, LoadOptions, ModelFile, ModelSource } from 'linnet';
import { models } from 'linnet';

/** As the makers of the default model recommend. */
const TEMPERATURE = 0.2;
const MAX_TOKENS = 1024;

/** What the page is to load and how it is to answer: from its address, and later from the dialog. */
export interface Settings {
  model: ModelSource;
  backend: Backend;
  threads?: number;
  contextLength?: number;
  /** 0 always answers the same. */
  temperature: number;
  /** Tokens of an answer at most: a small model may not find its end. */
  maxTokens: number;
}

/**
 * Reads `?model=URL-or-id&backend=auto|webgpu|cpu&threads=N&context=N&temperature=T&max=N`. What makes no sense is handed on all the same:
 * the package says what is wrong with it, and the page shows that.
 */
export function settingsFrom(search: string): Settings {
  const query = new URLSearchParams(search);
  const settings: Settings = {
    model: query.get('model') ?? models.all[0]!.id,
    backend: (query.get('backend') ?? 'auto') as Backend,
    temperature: Number(query.get('temperature') ?? TEMPERATURE),
    maxTokens: Number(query.get('max') ?? MAX_TOKENS),
  };
  const threads = query.get('threads');
  if (threads !== null) settings.threads = Number(threads);
  const context = query.get('context');
  if (context !== null) settings.contextLength = Number(context);
  return settings;
}

/** The address that leads to the same settings again. A file that the person chose has none: it is left out. */
export function addressOf({ model, backend, threads, contextLength }: Settings, here: string): string {
  const url = new URL(here);
  const fields: Record<string, string | undefined> = {
    model: isOwn(model) || model === models.all[0]!.id ? undefined : String(model),
    backend: backend === 'auto' ? undefined : backend,
    threads: threads?.toString(),
    context: contextLength?.toString(),
  };
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href;
}

/** The same, as the package wants it. A copy of a listed model that lies beside this page is preferred. */
export function loadOptions({ backend, threads, contextLength }: Settings): LoadOptions {
  return {
    backend,
    modelBase: './models/',
    ...(threads === undefined ? {} : { threads }),
    ...(contextLength === undefined ? {} : { contextLength }),
  };
}

/** Whether it comes from the person's device, as one file or several. */
export function isOwn(model: ModelSource): boolean {
  return model instanceof Blob || Array.isArray(model);
}

/** A short name for people. */
export function nameOf(source: ModelSource): string {
  const model = Array.isArray(source) ? (source as readonly ModelFile[])[0] : source;
  if (model instanceof File) return model.name;
  if (model instanceof Blob) return 'A file';
  const listed = typeof model === 'string' ? models.get(model) : undefined;
  if (listed) return listed.name;
  const path = String(model).split(/[?#]/)[0]!;
  const name = path.slice(path.lastIndexOf('/') + 1) || path;
  return name.replace(/\.gguf$/i, '');
}
