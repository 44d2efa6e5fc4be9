import { nextTask } from '../../protocol/task.ts';
import { Linnet, LinnetError, type LoadOptions, type LoadProgress } from '../../index.ts';

/** The state of loading. */
export type EngineState =
  | { kind: 'idle' }
  | { kind: 'loading'; progress?: LoadProgress }
  | { kind: 'paused' }
  | { kind: 'ready'; linnet: Linnet }
  | { kind: 'failed'; error: LinnetError };

/** After these errors the engine cannot be used and must be loaded again. */
const BROKEN = new Set(['device-lost', 'out-of-memory', 'internal']);

const engines = new Map<string, SharedEngine>();

/** A model, loaded once for all elements of the page that use it, and freed with the last of them. */
export class SharedEngine {
  #state: EngineState = { kind: 'idle' };
  #loading: AbortController | undefined;
  #settled: Promise<void> = Promise.resolve();
  readonly #users = new Set<(state: EngineState) => void>();

  private constructor(
    private readonly key: string,
    private readonly model: string,
    private readonly options: LoadOptions,
  ) {}

  /**
   * Joins the engine for a model with these options. `onChange` is called with its states until {@link
   * SharedEngine.leave}.
   */
  static join(model: string, options: LoadOptions, onChange: (state: EngineState) => void): SharedEngine {
    const key = keyOf(model, options);
    let engine = engines.get(key);
    if (!engine) engines.set(key, (engine = new SharedEngine(key, model, options)));
    engine.#users.add(onChange);
    return engine;
  }

  /** Whether it is the engine for this model and these options. */
  isFor(model: string, options: LoadOptions): boolean {
    return this.key === keyOf(model, options);
  }

  get state(): EngineState {
    return this.#state;
  }

  /** Loads the model, unless it is loading or loaded. */
  start(): void {
    if (this.#state.kind === 'loading' || this.#state.kind === 'ready') return;
    const loading = new AbortController();
    this.#loading = loading;
    this.#become({ kind: 'loading' });
    // The previous load may still be storing bytes of the same file. Also, the page reacts to the person's click first.
    this.#settled = this.#settled.then(nextTask).then(() => this.#load(loading));
  }

  /** Stops loading. The bytes so far are kept. */
  pause(): void {
    this.#loading?.abort();
  }

  /** Reports a failed answer. After some errors the engine is loaded again when it is needed next. */
  failed(error: LinnetError): void {
    if (this.#state.kind !== 'ready' || !BROKEN.has(error.code)) return;
    this.#state.linnet.dispose();
    this.#become({ kind: 'failed', error });
  }

  /** Leaves the engine. */
  leave(onChange: (state: EngineState) => void): void {
    this.#users.delete(onChange);
    if (this.#users.size > 0) return;
    engines.delete(this.key);
    this.#loading?.abort();
    if (this.#state.kind === 'ready') this.#state.linnet.dispose();
    this.#state = { kind: 'idle' };
  }

  async #load(loading: AbortController): Promise<void> {
    const current = () => this.#loading === loading && this.#users.size > 0;
    try {
      const onProgress = (progress: LoadProgress) => {
        if (current() && !loading.signal.aborted) this.#become({ kind: 'loading', progress });
      };
      const linnet = await Linnet.load(this.model, { ...this.options, signal: loading.signal, onProgress });
      if (current()) this.#become({ kind: 'ready', linnet });
      else linnet.dispose();
    } catch (error) {
      if (!current()) return;
      const failure = error instanceof LinnetError ? error : new LinnetError('internal', String(error));
      this.#become(failure.code === 'aborted' ? { kind: 'paused' } : { kind: 'failed', error: failure });
    }
  }

  #become(state: EngineState): void {
    this.#state = state;
    for (const tell of [...this.#users]) tell(state);
  }
}

function keyOf(model: string, { backend, contextLength, modelBase }: LoadOptions): string {
  return JSON.stringify([model, backend, contextLength, modelBase]);
}
