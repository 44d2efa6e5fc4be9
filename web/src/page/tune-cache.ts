// Keeps the results of tuning kernels on this GPU between visits, so that a load need not measure again.

const KEY = 'linnet-measured';

/** Returns the results of earlier visits. The engine decides which of them still apply. */
export function readTuneCache(): string | undefined {
  try {
    return globalThis.localStorage?.getItem(KEY) ?? undefined;
  } catch {
    // The page may not use localStorage.
    return undefined;
  }
}

/** Stores the results, which include the earlier ones. */
export function saveTuneCache(found: string): void {
  try {
    globalThis.localStorage?.setItem(KEY, found);
  } catch {
    // Not allowed, or full: the next visit measures again.
  }
}
