import { Linnet, type LinnetError, type LoadProgress, models, type ModelSource } from 'linnet';
import { asLinnetError } from '../page/error-messages.ts';
import { loadOptions, type Settings } from '../page/load-settings.ts';

/** The state of loading. */
export type EngineState =
  | { kind: 'loading'; progress?: LoadProgress }
  | { kind: 'paused' }
  | { kind: 'ready'; linnet: Linnet }
  | { kind: 'failed'; error: LinnetError };

/** The page's only engine: loads and replaces it, and lets others wait for it. */
export class Engine {
  #state: EngineState = { kind: 'paused' };
  #loading: AbortController | undefined;
  #settled: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<() => void>();

  constructor(
    public settings: Settings,
    private readonly onChange: (state: EngineState) => void,
  ) {}

  get state(): EngineState {
    return this.#state;
  }

  /** Loads the model of the settings, after freeing the previous one. */
  async load(settings: Settings = this.settings): Promise<void> {
    this.#loading?.abort();
    if (this.#state.kind === 'ready') this.#state.linnet.dispose();
    this.settings = settings;
    const loading = new AbortController();
    this.#loading = loading;
    this.#become({ kind: 'loading' });
    // The previous load may still be storing bytes of the same file.
    const before = this.#settled;
    this.#settled = before.then(() => this.#load(settings, loading));
    await this.#settled;
  }

  async #load(settings: Settings, loading: AbortController): Promise<void> {
    if (this.#loading !== loading) return;
    try {
      const watch = {
        signal: loading.signal,
        onProgress: (progress: LoadProgress) => {
          if (this.#loading === loading && !loading.signal.aborted) this.#become({ kind: 'loading', progress });
        },
      };
      const [file, ...more] = settings.keep && Array.isArray(settings.model) ? (settings.model as ModelSource[]) : [];
      // From now on the copy is loaded and named in the page's address.
      if (file instanceof Blob && more.length === 0) settings.model = (await models.import(file, watch)).source;
      const linnet = await Linnet.load(settings.model, { ...loadOptions(settings), ...watch });
      if (this.#loading === loading) this.#become({ kind: 'ready', linnet });
      else linnet.dispose();
    } catch (error) {
      if (this.#loading !== loading) return;
      const failure = asLinnetError(error);
      this.#become(failure.code === 'aborted' ? { kind: 'paused' } : { kind: 'failed', error: failure });
    }
  }

  /** Stops loading. The bytes so far are kept. */
  pause(): void {
    this.#loading?.abort();
  }

  /** Waits for the engine, through pauses, failures and retries. Rejects when the signal aborts. */
  ready(signal: AbortSignal): Promise<Linnet> {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (signal.aborted) reject(signal.reason);
        else if (this.#state.kind === 'ready') resolve(this.#state.linnet);
        else return;
        this.#waiting.delete(check);
        signal.removeEventListener('abort', check);
      };
      this.#waiting.add(check);
      signal.addEventListener('abort', check);
      check();
    });
  }

  #become(state: EngineState): void {
    this.#state = state;
    this.onChange(state);
    for (const check of [...this.#waiting]) check();
  }
}
