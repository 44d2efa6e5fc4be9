import { ScreenWakeLock } from './wake-lock.ts';
import { watchBattery } from './battery.ts';
import { wrong } from '../protocol/plain.ts';
import type { Pace, Steering, WhenHidden } from '../protocol/messages.ts';

// How an engine treats the person's device and attention while it answers. The page watches both; the worker obeys.

/** How an engine treats the page while it answers. */
export interface PagePolicy {
  whenHidden: WhenHidden;
  keepAwake: boolean;
  pace: Pace;
}

/** The policy of a caller that asks for none. */
export const DEFAULT_POLICY: PagePolicy = { whenHidden: 'go-on', keepAwake: false, pace: 'full' };

/** The valid values. */
const KNOWN: Record<keyof PagePolicy, readonly unknown[]> = {
  whenHidden: ['go-on', 'pause'],
  keepAwake: [true, false],
  pace: ['full', 'gentle', 'auto'],
};

/**
 * Reads the policy's fields that are set in an object.
 *
 * @param names the names of the fields there
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readPolicy(object: object, names: Record<keyof PagePolicy, string>): Partial<PagePolicy> {
  const read: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(names) as [keyof PagePolicy, string][]) {
    const value = (object as Record<string, unknown>)[field];
    if (value === undefined || value === null) continue;
    const known = KNOWN[name];
    if (!known.includes(value)) throw wrong(field, value, `must be ${known.join(' or ')}`, { known });
    read[name] = value;
  }
  return read;
}

/**
 * Watches the page while an answer is written. Does nothing where there is no page, as in a worker, or where the
 * browser lacks a feature.
 *
 * @param steer called whenever the worker should continue differently
 * @returns stops watching
 */
export function attend({ whenHidden, keepAwake, pace }: PagePolicy, steer: (steering: Steering) => void): () => void {
  const page = globalThis.document as Document | undefined;
  const now: Steering = { hold: whenHidden === 'pause' && page?.visibilityState === 'hidden', pace };
  if (now.hold) steer({ ...now });
  const turn = (change: Partial<Steering>) => steer({ ...Object.assign(now, change) });
  const ends: (() => void)[] = [];
  if (page && whenHidden === 'pause') {
    const look = () => turn({ hold: page.visibilityState === 'hidden' });
    page.addEventListener('visibilitychange', look);
    ends.push(() => page.removeEventListener('visibilitychange', look));
  }
  if (page && keepAwake) {
    const lock = new ScreenWakeLock(page, navigator);
    ends.push(() => lock.end());
  }
  if (pace === 'auto')
    ends.push(watchBattery(globalThis.navigator ?? {}, (low) => turn({ pace: low ? 'gentle' : 'auto' })));
  return () => {
    for (const end of ends) end();
  };
}
