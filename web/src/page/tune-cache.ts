// What measuring kernels has found on this GPU, kept from one visit to the next: a load need not measure again.

const KEY = 'linnet-measured';

/** What was found at earlier visits. The engine knows what of it is of use. */
export function readTuneCache(): string | undefined {
  try {
    return globalThis.localStorage?.getItem(KEY) ?? undefined;
  } catch {
    // Pages may be denied a store.
    return undefined;
  }
}

/** Keeps it, in place of what was found earlier, which it includes. */
export function saveTuneCache(found: string): void {
  try {
    globalThis.localStorage?.setItem(KEY, found);
  } catch {
    // Denied, or full: the next visit measures again.
  }
}
