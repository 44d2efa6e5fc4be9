import { aborted, LinnetError, toLinnetError, toPlain } from '../protocol/errors.ts';
import { Pacer } from './pacer.ts';
import { type Reply, type EngineEvent, isLast, type Pace, type Steering } from '../protocol/messages.ts';
import type { DeviceRecovery } from './device-recovery.ts';
import type { WasmEngine, WasmGeneration } from '../protocol/wasm.ts';

interface Job extends Steering {
  id: number;
  /** As JSON. */
  request: string;
  kind: 'generate' | 'suggest';
  cancelled: boolean;
  /** Ends its waiting or resting, since something is different now. */
  wake?: () => void;
}

/** Answers requests one after another: an engine has one context, and one answer at a time is the fastest way to all of them. */
export class RequestQueue {
  readonly #waiting: Job[] = [];
  /** Those that only want to know how many tokens a prompt has: between two steps is time enough for them. */
  readonly #counting: { id: number; request: string }[] = [];
  #stepping = false;
  #current: Job | undefined;
  #engine: WasmEngine | undefined;
  #recovery: Pick<DeviceRecovery, 'recover' | 'succeeded'> | undefined;
  /** After a trap the wasm's memory is in an unknown state, and without a device there is no model: nothing may be asked any more. */
  #broken: LinnetError | undefined;
  /** Says how long to rest. Another one comes with another device. */
  pacer = new Pacer(false);

  /**
   * @param post takes what is to be sent to the page
   * @param pause lets what has been sent to the worker be received; called between steps
   */
  constructor(
    readonly post: (answer: Reply) => void,
    readonly pause: () => Promise<void>,
  ) {}

  /** Gives the engine that answers, and what brings it back when its device is lost. */
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

  /** Says how a request's answer is to go on: whether it waits before its next token, and how fast it goes. */
  steer(id: number, { hold, pace }: Steering): void {
    const job = this.#current?.id === id ? this.#current : this.#waiting.find((job) => job.id === id);
    if (!job) return;
    Object.assign(job, { hold, pace });
    job.wake?.();
  }

  /** Counts the tokens of a request's prompt. That waits for no answer, only for its step. */
  count(id: number, request: string): void {
    this.#counting.push({ id, request });
    if (!this.#stepping) this.#count();
  }

  /** Ends a request: before its next token if it is being answered, at once if it still waits or is not known. */
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
    // Whoever has left the queue by now is not begun with.
    await this.pause();
    this.#current = undefined;
    void this.#advance();
  }

  async #answer(job: Job, engine: WasmEngine): Promise<void> {
    let generation: WasmGeneration | undefined;
    try {
      if (this.#broken) throw this.#broken;
      generation = engine[job.kind](job.request);
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
      // After a trap nothing of the wasm is to be touched.
      if (!(error instanceof WebAssembly.RuntimeError)) generation?.free();
      this.#fail(job.id, error);
      this.#count();
    }
  }

  #fail(id: number, error: unknown): void {
    if (error instanceof WebAssembly.RuntimeError) {
      this.#broken = new LinnetError('internal', 'The engine stopped working and must be loaded again.', { cause: error.message });
      error = this.#broken;
    }
    this.post({ type: 'error', id, error: toPlain(toLinnetError(error)) });
  }

  /** Counts for all that want to know. */
  #count(): void {
    for (const { id, request } of this.#counting.splice(0)) {
      try {
        if (this.#broken) throw this.#broken;
        if (!this.#engine) throw new LinnetError('internal', 'There is no engine that could count.');
        this.post({ type: 'event', id, event: { type: 'counted', tokens: this.#engine.countTokens(request) } });
      } catch (error) {
        this.#fail(id, error);
      }
    }
  }

  /** Waits as long as the request shall. */
  async #held(job: Job): Promise<void> {
    while (job.hold && !job.cancelled) await this.#sleep(job);
    this.pacer.resume();
  }

  /** Sleeps so many milliseconds, or until something is different. */
  async #sleep(job: Job, milliseconds?: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      job.wake = resolve;
      if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds);
    });
    clearTimeout(timer);
    delete job.wake;
  }

  /** The next step, on another device if this one is lost. */
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
        return JSON.parse(await generation.next()) as EngineEvent;
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
