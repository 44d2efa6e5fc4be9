import { LinnetError, models } from '../../index.ts';
import type { Answerer } from './answerer.ts';
import type { ChatConfig } from '../shell/config.ts';
import { DeviceAnswerer } from './device.ts';
import { type EngineState, SharedEngine } from './shared-engine.ts';

/**
 * An element's connection to the engine on this device: it joins the engine for the configured model, and waits for it.
 */
export class LocalEngine {
  #shared: SharedEngine | undefined;
  readonly #waiting = new Set<() => void>();

  /**
   * @param onState called with the loading state; `idle` means that the model must be downloaded, which the person must
   * agree to first
   */
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

  /** Joins the engine for the configured model, and loads it if it is stored. */
  join(): void {
    const { model, loadOptions } = this.config;
    const shared = (this.#shared ??= SharedEngine.join(model, loadOptions, this.#changed));
    if (shared.state.kind !== 'idle') return this.#changed(shared.state);
    // Without a download there is no question.
    void models.isStored(model).then((stored) => {
      if (shared.state.kind !== 'idle' || this.#shared !== shared) return;
      if (stored) shared.start();
      else this.#changed(shared.state);
    });
  }

  /** Whether the configuration has changed since it joined an engine. */
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

  /** Reports a failed answer. */
  failed(error: LinnetError): void {
    this.#shared?.failed(error);
  }

  /**
   * Waits for an engine on this device. The page's own engine comes first.
   *
   * @param wait called when there is a wait, and whenever its reason changes
   * @throws LinnetError why there is no engine
   */
  ready(wait: () => void, signal: AbortSignal): Promise<Answerer> {
    const { config } = this;
    // The site may have set a model, or removed its own engine, since the chat was opened.
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
