/** Below this charge a battery counts as low. */
const LOW = 0.2;

/** The Battery Status API (Chromium). */
export interface Battery extends EventTarget {
  readonly charging: boolean;
  /** From 0 to 1. */
  readonly level: number;
}

/**
 * Reports whether the battery is low: at once if it is, then at each change.
 *
 * @param browser the navigator; without the Battery Status API the battery is never low
 * @returns stops the reports
 */
export function watchBattery(browser: object, changed: (low: boolean) => void): () => void {
  const { getBattery } = browser as { getBattery?: () => Promise<Battery> };
  const end = new AbortController();
  let was = false;
  const watch = (battery: Battery) => {
    if (end.signal.aborted) return;
    const look = () => {
      const low = !battery.charging && battery.level < LOW;
      if (low !== was) changed((was = low));
    };
    for (const event of ['chargingchange', 'levelchange'])
      battery.addEventListener(event, look, { signal: end.signal });
    look();
  };
  getBattery?.call(browser).then(watch, () => {});
  return () => end.abort();
}
