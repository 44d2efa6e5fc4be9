import { ScreenWakeLock } from './wake-lock.ts';
import { watchBattery } from './battery.ts';
import { wrong } from '../protocol/plain.ts';
import type { Pace, Steering, WhenHidden } from '../protocol/messages.ts';

// How an engine behaves towards the person's device and attention while it answers. The page sees both; the worker does the work.

/** How an engine answers, beside what it answers. */
export interface PagePolicy {
  whenHidden: WhenHidden;
  keepAwake: boolean;
  pace: Pace;
}

/** The policy of a caller that asks for none. */
export const DEFAULT_POLICY: PagePolicy = { whenHidden: 'go-on', keepAwake: false, pace: 'full' };

/** What they may be. */
const KNOWN: Record<keyof PagePolicy, readonly unknown[]> = {
  whenHidden: ['go-on', 'pause'],
  keepAwake: [true, false],
  pace: ['full', 'gentle', 'auto'],
};

/**
 * Those of an object that are set.
 *
 * @param names what the fields are called there
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
 * Watches the page while an answer is written. Where there is no page, in a worker say, or the browser lacks what is needed, it does
 * without.
 *
 * @param steer hears how the answer is to go on, each time that this changes
 * @returns ends it
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
  if (pace === 'auto') ends.push(watchBattery(globalThis.navigator ?? {}, (low) => turn({ pace: low ? 'gentle' : 'auto' })));
  return () => {
    for (const end of ends) end();
  };
}
