import type { LoadProgress } from './messages.ts';

/** Lets a report through when its phase is new, when the bytes are complete, or after a while. */
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
