/** The share of its charge below which a battery is to be spared. */
const LOW = 0.2;

/** What the Battery Status API gives, where there is one (Chromium). */
export interface Battery extends EventTarget {
  readonly charging: boolean;
  /** From 0 to 1. */
  readonly level: number;
}

/**
 * Tells whether the battery runs low: at once if it does, and then each time that it changes.
 *
 * @param browser the navigator; one without a battery, or that does not tell of it, never runs low
 * @returns ends it
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
    for (const event of ['chargingchange', 'levelchange']) battery.addEventListener(event, look, { signal: end.signal });
    look();
  };
  getBattery?.call(browser).then(watch, () => {});
  return () => end.abort();
}
