import { LinnetError, models } from '../../index.ts';
import type { Answerer } from './answerer.ts';
import type { ChatConfig } from '../shell/config.ts';
import { DeviceAnswerer } from './device.ts';
import { type EngineState, SharedEngine } from './shared-engine.ts';

/** An element's part of the engine on this device: joins the one that the site asks for, and waits for it. */
export class LocalEngine {
  #shared: SharedEngine | undefined;
  readonly #waiting = new Set<() => void>();

  /** @param onState hears how loading proceeds; `idle` means that the model has to be downloaded, and the person asked before */
  constructor(
    private readonly config: ChatConfig,
    private readonly onState: (state: EngineState) => void,
  ) {}

  get state(): EngineState {
    return this.#shared?.state ?? { kind: 'idle' };
  }

  /** Whether a question waits for the model. */
  get awaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** Joins the engine for the model that the site asks for now, and loads what needs no download. */
  join(): void {
    const { model, loadOptions } = this.config;
    const shared = (this.#shared ??= SharedEngine.join(model, loadOptions, this.#changed));
    if (shared.state.kind !== 'idle') return this.#changed(shared.state);
    // What needs no download needs no question.
    void models.isStored(model).then((stored) => {
      if (shared.state.kind !== 'idle' || this.#shared !== shared) return;
      if (stored) shared.start();
      else this.#changed(shared.state);
    });
  }

  /** Whether it has joined an engine that the site no longer asks for. */
  get outdated(): boolean {
    return this.#shared?.isFor(this.config.model, this.config.loadOptions) === false;
  }

  leave(): void {
    this.#shared?.leave(this.#changed);
    this.#shared = undefined;
  }

  start(): void {
    this.#shared?.start();
  }

  pause(): void {
    this.#shared?.pause();
  }

  /** Tells of an answer that failed. */
  failed(error: LinnetError): void {
    this.#shared?.failed(error);
  }

  /**
   * Somebody who answers on this device, as soon as there is. An engine of the page's comes first.
   *
   * @param wait called when it has to be waited for, and whenever that changes
   * @throws LinnetError why there is nobody
   */
  ready(wait: () => void, signal: AbortSignal): Promise<Answerer> {
    const { config } = this;
    // The site may have named a model, or taken its own engine away, since the chat was opened.
    if (!signal.aborted && !config.engine && !this.#shared) this.join();
    return new Promise((resolve, reject) => {
      const check = () => {
        const { state } = this;
        if (signal.aborted) reject(new LinnetError('aborted', 'Stopped.'));
        else if (config.engine) resolve(new DeviceAnswerer(config.engine, config.policy));
        else if (state.kind === 'ready') resolve(new DeviceAnswerer(state.linnet, config.policy));
        else if (state.kind === 'failed') reject(state.error);
        else return wait();
        this.#waiting.delete(check);
        signal.removeEventListener('abort', check);
      };
      this.#waiting.add(check);
      signal.addEventListener('abort', check);
      check();
    });
  }

  readonly #changed = (state: EngineState): void => {
    this.onState(state);
    for (const check of [...this.#waiting]) check();
  };
}
