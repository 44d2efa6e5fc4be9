import type { LoadOptions } from './types.ts';
import { type PagePolicy, readPolicy } from '../page/page-policy.ts';
import { BACKEND_KINDS, KV_FORMATS } from '../protocol/generated.ts';
import { named, setFields, wrong } from '../protocol/plain.ts';
import { readBases, readWatching, refuseUnknown, type Watching } from '../protocol/read-options.ts';

const BACKENDS = ['auto', ...BACKEND_KINDS] as const;
const STORAGE_USES = ['auto', 'required', 'none'] as const;
const RECOVERIES = ['auto', 'smaller-model', 'off'] as const;
const POLICY_FIELDS = { whenHidden: 'whenHidden', keepAwake: 'keepAwake', pace: 'pace' };

/** All options of a load. */
const KNOWN = [
  'backend',
  'threads',
  'contextLength',
  'kvFormat',
  'memoryLimit',
  'storage',
  'modelBase',
  'recovery',
  'onProgress',
  'signal',
  ...Object.values(POLICY_FIELDS),
];

/** The checked options of a load. Unset options are absent. */
export interface ReadLoadOptions extends Watching {
  /** Options that the worker needs. */
  task: { backend: NonNullable<LoadOptions['backend']> } & Pick<
    LoadOptions,
    'threads' | 'contextLength' | 'kvFormat' | 'memoryLimit' | 'storage'
  >;
  bases: readonly (string | URL)[];
  recovery: NonNullable<LoadOptions['recovery']>;
  policy: Partial<PagePolicy>;
}

/**
 * Reads each option of a load once, before anything is started.
 *
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readLoadOptions(options: unknown): ReadLoadOptions {
  const set = setFields(options, 'options');
  refuseUnknown(set, KNOWN);
  const one = <T>(field: string, known: readonly T[]): T | undefined => {
    const value = set[field];
    if (value === undefined || known.includes(value as T)) return value as T | undefined;
    const words = known.map((word) => `"${String(word)}"`).join(' or ');
    throw wrong(field, value, `is ${named(value)}, but must be ${words}`, { known });
  };
  const count = (field: string): number | undefined => {
    const value = set[field];
    if (value === undefined || (Number.isInteger(value) && (value as number) > 0)) return value as number | undefined;
    throw wrong(field, value, `is ${named(value)}, but must be a whole number above 0`);
  };
  const task = {
    backend: one('backend', BACKENDS) ?? 'auto',
    threads: count('threads'),
    contextLength: count('contextLength'),
    kvFormat: one('kvFormat', KV_FORMATS),
    memoryLimit: count('memoryLimit'),
    storage: one('storage', STORAGE_USES),
  };
  const entries = Object.entries(task).filter(([, value]) => value !== undefined);
  return {
    task: Object.fromEntries(entries) as ReadLoadOptions['task'],
    bases: readBases(set['modelBase']),
    recovery: one('recovery', RECOVERIES) ?? 'auto',
    policy: readPolicy(set, POLICY_FIELDS),
    ...readWatching(set),
  };
}
