import type { LoadProgress } from './messages.ts';

/** Passes on a report if its phase is new, if all bytes have arrived, or if enough time has passed. */
export function throttle(
  report: (progress: LoadProgress) => void,
  milliseconds: number,
): (progress: LoadProgress) => void {
  let phase: string | undefined;
  let last = 0;
  return (progress) => {
    const now = performance.now();
    if (progress.phase === phase && progress.loaded !== progress.total && now - last < milliseconds) return;
    phase = progress.phase;
    last = now;
    report(progress);
  };
}
