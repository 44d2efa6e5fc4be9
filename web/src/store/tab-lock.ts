import { aborted } from '../protocol/errors.ts';

// Coordinates the tabs of a site that want the same file: one downloads it, the others wait.

/** The progress of the tab that downloads the file. */
export interface RemoteProgress {
  loaded: number;
  total?: number;
}

/** Another tab counts as frozen after this many milliseconds without a message; phones freeze background tabs. */
const PATIENCE = 10_000;
const HEARTBEAT = 1000;
/** Milliseconds between two reports of progress. */
const REPORT_MS = 200;

/** The name of an entry's lock, and of the channel for the progress of the tab that holds it. */
const lockName = (key: string) => `linnet ${key}`;

/**
 * Runs an action on an entry, unless another tab holds its lock. If the browser cannot give locks, for example after
 * the site's data were cleared, the action runs without one; open files cannot be removed anyway.
 */
export async function whileFree<T>(key: string, action: () => Promise<T>): Promise<T | 'busy'> {
  let begun = false;
  const locked = async (lock: Lock | null) => {
    begun = true;
    return lock ? action() : ('busy' as const);
  };
  try {
    if (navigator.locks) return await navigator.locks.request(lockName(key), { ifAvailable: true }, locked);
  } catch (error) {
    if (begun) throw error;
  }
  return action();
}

/** The right to change one entry. It ends with {@link TabLock.release}, or with the worker. */
export class TabLock {
  readonly #beat: ReturnType<typeof setInterval> | undefined;
  #last: RemoteProgress = { loaded: 0 };
  #said = 0;

  private constructor(
    readonly channel: BroadcastChannel | undefined,
    readonly end: () => void,
  ) {
    if (channel) this.#beat = setInterval(() => channel.postMessage(this.#last), HEARTBEAT);
  }

  /**
   * Waits until no other tab holds the lock.
   *
   * @param onWait called with the other tab's progress
   * @returns `undefined` if the other tab does not respond: then the file can only be loaded without the store
   * @throws LinnetError `aborted`
   */
  static async take(
    key: string,
    signal: AbortSignal,
    onWait: (progress: RemoteProgress) => void,
    patience = PATIENCE,
  ): Promise<TabLock | undefined> {
    // Without locks, the exclusive file handle still separates two tabs: the second one works without the store.
    if (!navigator.locks) return new TabLock(undefined, () => {});
    const name = lockName(key);
    const channel = new BroadcastChannel(name);
    const giveUp = new AbortController();
    const stop = () => giveUp.abort();
    let timer = setTimeout(stop, patience);
    channel.onmessage = ({ data }: MessageEvent<RemoteProgress>) => {
      clearTimeout(timer);
      timer = setTimeout(stop, patience);
      onWait(data);
    };
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      return await new Promise<TabLock>((resolve, reject) => {
        const held = () => new Promise<void>((release) => resolve(new TabLock(channel, release)));
        navigator.locks.request(name, { signal: giveUp.signal }, held).catch(reject);
      });
    } catch {
      channel.close();
      if (signal.aborted) throw aborted();
      // A browser may refuse locks, for example after the site's data were cleared: it counts as one without locks.
      return giveUp.signal.aborted ? undefined : new TabLock(undefined, () => {});
    } finally {
      clearTimeout(timer);
      channel.onmessage = null;
      signal.removeEventListener('abort', stop);
    }
  }

  /** Reports progress to the waiting tabs. */
  say(loaded: number, total: number | undefined): void {
    this.#last = { loaded, ...(total === undefined ? {} : { total }) };
    const now = performance.now();
    if (now - this.#said < REPORT_MS) return;
    this.#said = now;
    this.channel?.postMessage(this.#last);
  }

  release(): void {
    clearInterval(this.#beat);
    this.channel?.close();
    this.end();
  }
}
