import { isUrl } from './brands.ts';
import type { LoadProgress } from './messages.ts';
import { named, wrong } from './plain.ts';

// Reads options that several functions share.

/** Who watches a load or a download. */
export interface Watching {
  onProgress: ((progress: LoadProgress) => void) | undefined;
  signal: AbortSignal | undefined;
}

/** Rejects unknown options: a caller who sets one relies on it. @throws LinnetError `invalid-request` */
export function refuseUnknown(set: Record<string, unknown>, known: readonly string[]): void {
  for (const [field, value] of Object.entries(set)) {
    if (!known.includes(field)) throw wrong(field, value, `is not an option: use ${known.join(', ')}`, { known });
  }
}

/** Reads the options of {@link Watching}. */
export function readWatching(options: { onProgress?: unknown; signal?: unknown }): Watching {
  const { onProgress, signal } = options;
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw wrong('onProgress', onProgress, `is ${named(onProgress)}, but must be a function`);
  }
  return { onProgress: onProgress as Watching['onProgress'], signal: readSignal(signal) };
}

/** The folders of `modelBase`. @throws LinnetError `invalid-request`, with `details.field` */
export function readBases(bases: unknown): readonly (string | URL)[] {
  const list = bases === undefined ? [] : Array.isArray(bases) ? (bases as unknown[]) : [bases];
  return list.map((base) => {
    if (typeof base === 'string') return base;
    if (isUrl(base)) return base.href;
    throw wrong('modelBase', base, `is ${named(base)}, but must be a URL, or a list of them`);
  });
}

/**
 * Reads a signal, or an object that behaves like one: from another frame, or a polyfill.
 *
 * @throws LinnetError `invalid-request` for what cannot be listened to, such as a proxy of a signal
 */
export function readSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  const hears = () => {};
  try {
    (value as AbortSignal).addEventListener('abort', hears);
    (value as AbortSignal).removeEventListener('abort', hears);
    if (typeof (value as AbortSignal).aborted === 'boolean') return value as AbortSignal;
  } catch {
    // It is named below.
  }
  const proxied = Object.prototype.toString.call(value) === '[object AbortSignal]';
  const rule = proxied
    ? 'cannot be listened to: pass the AbortSignal itself, not a proxy of it'
    : `is ${named(value)}, but must be an AbortSignal`;
  throw wrong('signal', value, rule);
}
