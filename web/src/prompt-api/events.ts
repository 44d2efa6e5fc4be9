import { asInterface, isObject } from './webidl.ts';

/** An `on…` attribute, as in HTML: handlers and listeners are called in the order in which they were added. */
export class EventHandler<E extends Event> {
  #value: object | null = null;
  readonly #listener = (event: Event): void => {
    if (typeof this.#value === 'function') this.#value.call(this.target, event);
  };

  constructor(
    private readonly target: EventTarget,
    private readonly type: string,
  ) {}

  get value(): ((event: E) => void) | null {
    return this.#value as ((event: E) => void) | null;
  }

  set value(value: unknown) {
    const before = this.#value;
    this.#value = isObject(value) ? value : null;
    if (!before && this.#value) this.target.addEventListener(this.type, this.#listener);
    if (before && !this.#value) this.target.removeEventListener(this.type, this.#listener);
  }
}

/** Keeps constructors private: pages cannot construct these interfaces. */
export const KEY = Symbol('create');

/** Reports the progress of the download. */
export class CreateMonitor extends EventTarget {
  readonly #ondownloadprogress = new EventHandler<ProgressEvent>(this, 'downloadprogress');

  /** @internal */
  constructor(key?: unknown) {
    if (key !== KEY) throw new TypeError('Illegal constructor: LanguageModel.create() creates monitors.');
    super();
  }

  /** Called with the progress of the download. */
  get ondownloadprogress(): ((event: ProgressEvent) => void) | null {
    return this.#ondownloadprogress.value;
  }
  set ondownloadprogress(handler: ((event: ProgressEvent) => void) | null) {
    this.#ondownloadprogress.value = handler;
  }
}
asInterface(CreateMonitor, 'CreateMonitor');

/** The specification rounds down to this, so that a page cannot learn a model's exact size. */
const STEPS = 65_536;
/** The shortest time between two events, in milliseconds. */
const INTERVAL = 50;

/** Fires `downloadprogress` as specified: from 0 to 1, never decreasing, and not after an abort. */
export class DownloadProgress {
  #fired = -1;
  #firedAt = 0;
  /** The share that was stored before: the page sees the progress of the rest. */
  #before: number | undefined;

  constructor(
    private readonly monitor: CreateMonitor,
    private readonly signal: AbortSignal,
  ) {}

  /** Sets the progress, from 0 to 1. */
  readonly tell = (loaded: number): void => {
    this.#before ??= loaded;
    const share = this.#before < 1 ? Math.max(0, loaded - this.#before) / (1 - this.#before) : 1;
    if (share < 1 && performance.now() - this.#firedAt <= INTERVAL) return;
    this.#fire(Math.floor(share * STEPS) / STEPS);
  };

  /** Two events are always fired, even without a download: this one, and that of {@link end}. */
  begin(): void {
    this.#fire(0);
  }

  end(): void {
    this.#fire(1);
  }

  #fire(loaded: number): void {
    if (loaded <= this.#fired || this.signal.aborted) return;
    this.#fired = loaded;
    this.#firedAt = performance.now();
    this.monitor.dispatchEvent(new ProgressEvent('downloadprogress', { loaded, total: 1, lengthComputable: true }));
  }
}
