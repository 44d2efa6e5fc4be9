import { aborted } from '../protocol/errors.ts';

// Tabs of one site that want the same file: one of them fetches it, the others wait for it.

/** How far the tab is that fetches the file. */
export interface RemoteProgress {
  loaded: number;
  total?: number;
}

/** Milliseconds without a sign of life after which the other tab is taken to be frozen: a phone does that to those behind. */
const PATIENCE = 10_000;
const HEARTBEAT = 1000;
/** Milliseconds between two reports of progress. */
const REPORT_MS = 200;

/** The name of an entry's lock, and of the channel on which the tab that holds it tells of its progress. */
const lockName = (key: string) => `linnet ${key}`;

/**
 * Does something to an entry, unless another tab holds it. A browser that has no lock to give, as after the site's data were cleared,
 * counts as one without locks: an open file cannot be removed there either.
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

/** The right to write one file. It ends with {@link TabLock.release}, or with the worker. */
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
   * Waits until no other tab has the file.
   *
   * @param onWait hears how far the other tab is
   * @returns `undefined` if that tab gives no sign of life: then the file is to be had without the store only
   * @throws LinnetError `aborted`
   */
  static async take(key: string, signal: AbortSignal, onWait: (progress: RemoteProgress) => void, patience = PATIENCE): Promise<TabLock | undefined> {
    // Without locks the exclusive handle on the file still keeps two tabs apart: the second one does without the store.
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
      // A browser that has no lock to give, as after the site's data were cleared, is as one that knows none.
      return giveUp.signal.aborted ? undefined : new TabLock(undefined, () => {});
    } finally {
      clearTimeout(timer);
      channel.onmessage = null;
      signal.removeEventListener('abort', stop);
    }
  }

  /** Tells the tabs that wait. */
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
