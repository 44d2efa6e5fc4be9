import { LinnetError, toLinnetError, toPlain } from '../protocol/errors.ts';
import type { Loaded } from './model-load.ts';
import type { EngineInfo } from '../protocol/messages.ts';
import type { WasmEngine } from '../protocol/wasm.ts';

// Recovers from the loss of a GPU: its driver was reset, the device slept, or another page took its memory. The wasm
// keeps the answer's tokens, so the answer continues once the model is loaded again from the store.

/** After this many losses without a complete answer in between, the GPU is given up. */
const MOST_LOSSES = 2;
/** After the GPU process has ended, the browser has no GPU for a while. */
const TRIES = 8;
const BETWEEN_TRIES = 400;

/** Listens to the recovery. */
export interface RecoveryListener {
  /** Called when the recovery starts or has ended, successfully or not. */
  recovering(active: boolean): void;
  /** Called with the engine's new state. */
  changed(info: EngineInfo): void;
}

/** Loads an engine's model again after the loss of its GPU. */
export class DeviceRecovery {
  #losses = 0;

  /**
   * @param engine stays the same object while its model is replaced, since answers in progress use it
   * @param load loads the same model again
   * @param mayUseCpu whether the CPU may take over
   */
  constructor(
    readonly engine: WasmEngine,
    readonly load: (backend: 'cpu' | 'webgpu') => Promise<Loaded>,
    readonly mayUseCpu: boolean,
    readonly listener: RecoveryListener,
    readonly pause: (milliseconds: number) => Promise<void> = sleep,
  ) {}

  /** A complete answer was written: losses are counted from 0 again. */
  succeeded(): void {
    this.#losses = 0;
  }

  /**
   * Loads the model again, on a new device or, after repeated losses, on the CPU.
   *
   * @param lost the loss of the device
   * @throws LinnetError `lost` itself if the CPU may not take over; else the CPU's error
   */
  async recover(lost: LinnetError): Promise<void> {
    this.listener.recovering(true);
    try {
      await this.#recover(lost);
    } finally {
      this.listener.recovering(false);
    }
  }

  async #recover(lost: LinnetError): Promise<void> {
    this.engine.unload();
    while (++this.#losses < MOST_LOSSES) {
      try {
        return this.#go(await this.#loadOnGpu());
      } catch (error) {
        lost = toLinnetError(error);
      }
    }
    if (!this.mayUseCpu) throw new LinnetError('device-lost', lost.message, { ...lost.details, losses: this.#losses });
    const loaded = await this.load('cpu');
    loaded.info.fallback = toPlain(lost);
    this.#go(loaded);
  }

  async #loadOnGpu(): Promise<Loaded> {
    for (let left = TRIES; ; left--) {
      try {
        return await this.load('webgpu');
      } catch (error) {
        if (toLinnetError(error).code !== 'no-webgpu' || left === 1) throw error;
        await this.pause(BETWEEN_TRIES);
      }
    }
  }

  #go({ engine, info }: Loaded): void {
    this.engine.replace(engine);
    this.listener.changed(info);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
