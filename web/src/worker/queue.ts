import { aborted, LinnetError, toLinnetError, toPlain } from '../protocol/errors.ts';
import { Pacer } from './pacer.ts';
import { type Reply, type EngineEvent, isLast, type Pace, type Steering } from '../protocol/messages.ts';
import type { DeviceRecovery } from './device-recovery.ts';
import type { ConstraintModule } from './constraint-module.ts';
import type { ConstraintCompiler, WasmEngine, WasmGeneration } from '../protocol/wasm.ts';

interface Job extends Steering {
  id: number;
  /** The request as JSON. */
  request: string;
  kind: 'generate' | 'suggest' | 'decide';
  cancelled: boolean;
  /** Wakes it from its wait or pause, since something has changed. */
  wake?: () => void;
}

/** Answers requests one after another: an engine has one context, and answering one at a time is fastest overall. */
export class RequestQueue {
  readonly #waiting: Job[] = [];
  /** Requests to count tokens, which are answered between two steps. */
  readonly #counting: { id: number; request: string }[] = [];
  #stepping = false;
  #current: Job | undefined;
  #engine: WasmEngine | undefined;
  #recovery: Pick<DeviceRecovery, 'recover' | 'succeeded'> | undefined;
  /**
   * After a trap the wasm memory is in an unknown state, and without a device there is no model: the engine cannot be
   * used any more.
   */
  #broken: LinnetError | undefined;
  /** Decides how long to pause. A new device gets a new one. */
  pacer = new Pacer(false);

  /**
   * @param post sends a message to the page
   * @param pause lets messages to the worker be received; called between steps
   * @param constraints holds answers to a form
   */
  constructor(
    readonly post: (answer: Reply) => void,
    readonly pause: () => Promise<void>,
    readonly constraints: Pick<ConstraintModule, 'prepare' | 'compile' | 'reset'>,
  ) {}

  /** Sets the engine, and the recovery for the loss of its device. */
  serve(engine: WasmEngine, recovery?: Pick<DeviceRecovery, 'recover' | 'succeeded'>): void {
    this.#engine = engine;
    this.#recovery = recovery;
    void this.#advance();
  }

  /** Queues a request, which is JSON. */
  add(id: number, request: string, pace: Pace = 'full', kind: Job['kind'] = 'generate'): void {
    this.#waiting.push({ id, request, kind, cancelled: false, hold: false, pace });
    void this.#advance();
  }

  /** Pauses a request's answer or lets it continue, and sets its pace. */
  steer(id: number, { hold, pace }: Steering): void {
    const job = this.#current?.id === id ? this.#current : this.#waiting.find((job) => job.id === id);
    if (!job) return;
    Object.assign(job, { hold, pace });
    job.wake?.();
  }

  /** Counts the tokens of a request's prompt, after the current step. */
  count(id: number, request: string): void {
    this.#counting.push({ id, request });
    if (!this.#stepping) this.#count();
  }

  /** Cancels a request: before its next token if it is being answered, at once if it waits or is unknown. */
  cancel(id: number): void {
    if (this.#current?.id === id) {
      this.#current.cancelled = true;
      this.#current.wake?.();
      return;
    }
    for (const queue of [this.#waiting, this.#counting]) {
      const index = queue.findIndex((job) => job.id === id);
      if (index >= 0) queue.splice(index, 1);
    }
    this.post({ type: 'error', id, error: toPlain(aborted()) });
  }

  async #advance(): Promise<void> {
    if (this.#current || !this.#engine) return;
    this.#current = this.#waiting.shift();
    if (!this.#current) return;
    await this.#answer(this.#current, this.#engine);
    // A request that has left the queue is not started.
    await this.pause();
    this.#current = undefined;
    void this.#advance();
  }

  async #answer(job: Job, engine: WasmEngine): Promise<void> {
    let generation: WasmGeneration | undefined;
    try {
      if (this.#broken) throw this.#broken;
      const hasForm = job.kind === 'generate' && engine.isConstrained(job.request);
      const compiler = hasForm ? await this.#prepare(job, engine) : undefined;
      generation = engine[job.kind](job.request, compiler);
      this.pacer.resume();
      for (;;) {
        if (job.hold) await this.#held(job);
        const began = performance.now();
        const event = await this.#next(job, generation);
        const ended = performance.now();
        const answer: Reply = { type: 'event', id: job.id, event };
        this.post(answer);
        this.#count();
        if (isLast(answer)) {
          this.#recovery?.succeeded();
          break;
        }
        const rest = this.pacer.rest(job.pace, event.type === 'token', began, ended);
        if (rest > 0) await this.#sleep(job, rest);
        await this.pause();
      }
      generation.free();
    } catch (error) {
      // After a trap the wasm must not be used.
      if (!(error instanceof WebAssembly.RuntimeError)) generation?.free();
      const { code, details } = toLinnetError(error);
      if (code === 'bad-constraint' && details['kind'] === 'too-complex') this.constraints.reset();
      this.#fail(job.id, error);
      this.#count();
    }
  }

  /** Gets ready to hold an answer to its form. */
  async #prepare(job: Job, engine: WasmEngine): Promise<ConstraintCompiler> {
    const stop = new AbortController();
    job.wake = () => job.cancelled && stop.abort();
    try {
      await this.constraints.prepare(engine, stop.signal);
    } finally {
      delete job.wake;
    }
    return this.constraints;
  }

  #fail(id: number, error: unknown): void {
    if (error instanceof WebAssembly.RuntimeError) {
      this.#broken = new LinnetError('internal', 'The engine stopped working and must be loaded again.', {
        cause: error.message,
      });
      error = this.#broken;
    }
    this.post({ type: 'error', id, error: toPlain(toLinnetError(error)) });
  }

  /** Answers all requests to count tokens. */
  #count(): void {
    for (const { id, request } of this.#counting.splice(0)) {
      try {
        if (this.#broken) throw this.#broken;
        if (!this.#engine) throw new LinnetError('internal', 'No model is loaded to count tokens with.');
        this.post({ type: 'event', id, event: { type: 'counted', tokens: this.#engine.countTokens(request) } });
      } catch (error) {
        this.#fail(id, error);
      }
    }
  }

  /** Waits while the request is paused. */
  async #held(job: Job): Promise<void> {
    while (job.hold && !job.cancelled) await this.#sleep(job);
    this.pacer.resume();
  }

  /** Sleeps for this many milliseconds, or until something changes. */
  async #sleep(job: Job, milliseconds?: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      job.wake = resolve;
      if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
    delete job.wake;
  }

  /** Runs the next step, on another device if this one is lost. */
  async #next(job: Job, generation: WasmGeneration): Promise<EngineEvent> {
    this.#stepping = true;
    try {
      return await this.#step(job, generation);
    } finally {
      this.#stepping = false;
    }
  }

  async #step(job: Job, generation: WasmGeneration): Promise<EngineEvent> {
    for (;;) {
      if (job.cancelled) generation.cancel();
      try {
        return await generation.next();
      } catch (error) {
        const lost = toLinnetError(error);
        if (lost.code !== 'device-lost' || !this.#recovery) throw error;
        await this.#recovery.recover(lost).catch((error: unknown) => {
          this.#broken = toLinnetError(error);
          throw this.#broken;
        });
      }
    }
  }
}
