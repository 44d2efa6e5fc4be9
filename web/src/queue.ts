import { aborted, LinnetError, toLinnetError, toPlain } from './errors.ts';
import type { Answer } from './protocol.ts';
import type { Revival } from './revival.ts';
import type { GenerationEvent, WasmEngine, WasmGeneration } from './wasm.ts';

interface Job {
  id: number;
  request: object;
  cancelled: boolean;
}

/** Answers requests one after another: an engine has one context, and one answer at a time is the fastest way to all of them. */
export class RequestQueue {
  readonly #waiting: Job[] = [];
  #current: Job | undefined;
  #engine: WasmEngine | undefined;
  #revival: Pick<Revival, 'revive' | 'succeeded'> | undefined;
  /** After a trap the wasm's memory is in an unknown state, and without a device there is no model: nothing may be asked any more. */
  #broken: LinnetError | undefined;

  /**
   * @param post takes what is to be sent to the page
   * @param pause lets what has been sent to the worker be received; called between steps
   */
  constructor(
    readonly post: (answer: Answer) => void,
    readonly pause: () => Promise<void>,
  ) {}

  /** Gives the engine that answers, and what brings it back when its device is lost. */
  serve(engine: WasmEngine, revival?: Pick<Revival, 'revive' | 'succeeded'>): void {
    this.#engine = engine;
    this.#revival = revival;
    void this.#advance();
  }

  /** Queues a request. */
  add(id: number, request: object): void {
    this.#waiting.push({ id, request, cancelled: false });
    void this.#advance();
  }

  /** Ends a request: before its next token if it is being answered, at once if it still waits. */
  cancel(id: number): void {
    if (this.#current?.id === id) {
      this.#current.cancelled = true;
      return;
    }
    const index = this.#waiting.findIndex((job) => job.id === id);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.post({ type: 'error', id, error: toPlain(aborted()) });
  }

  async #advance(): Promise<void> {
    if (this.#current || !this.#engine) return;
    this.#current = this.#waiting.shift();
    if (!this.#current) return;
    await this.#answer(this.#current, this.#engine);
    this.#current = undefined;
    void this.#advance();
  }

  async #answer(job: Job, engine: WasmEngine): Promise<void> {
    let generation: WasmGeneration | undefined;
    try {
      if (this.#broken) throw this.#broken;
      generation = engine.generate(JSON.stringify(job.request));
      for (;;) {
        const event = await this.#next(job, generation);
        this.post({ type: 'event', id: job.id, event });
        if (event.type === 'done') {
          this.#revival?.succeeded();
          break;
        }
        await this.pause();
      }
      generation.free();
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) {
        this.#broken = new LinnetError('internal', 'The engine stopped working and must be loaded again.', { cause: error.message });
        error = this.#broken;
      } else {
        generation?.free();
      }
      this.post({ type: 'error', id: job.id, error: toPlain(toLinnetError(error)) });
    }
  }

  /** The next step, on another device if this one is lost. */
  async #next(job: Job, generation: WasmGeneration): Promise<GenerationEvent> {
    for (;;) {
      if (job.cancelled) generation.cancel();
      try {
        return JSON.parse(await generation.next()) as GenerationEvent;
      } catch (error) {
        const lost = toLinnetError(error);
        if (lost.code !== 'device-lost' || !this.#revival) throw error;
        await this.#revival.revive(lost).catch((error: unknown) => {
          this.#broken = toLinnetError(error);
          throw this.#broken;
        });
      }
    }
  }
}
