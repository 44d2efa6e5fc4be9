import { LinnetError, toLinnetError, toPlain } from '../protocol/errors.ts';
import type { Loaded } from './load.ts';
import type { EngineInfo } from '../protocol/messages.ts';
import type { WasmEngine } from '../protocol/wasm.ts';

// A GPU goes away: its driver is reset, the device sleeps, another page takes its memory. The answer's tokens are kept in the
// wasm, so with the model loaded again, from the browser's storage, it goes on where it was.

/** So many times without a whole answer between, and the GPU is done without. */
const MOST_LOSSES = 2;
/** After its process has ended, the browser has no GPU for a while. */
const TRIES = 8;
const BETWEEN_TRIES = 400;

/** Hears how the recovery goes. */
export interface RecoveryListener {
  /** It begins, or has ended, well or not. */
  recovering(active: boolean): void;
  /** What the model runs on now. */
  changed(info: EngineInfo): void;
}

/** Brings an engine whose GPU was lost back to life. */
export class DeviceRecovery {
  #losses = 0;

  /**
   * @param engine keeps its place while its model is exchanged: answers in progress hold on to it
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

  /** A whole answer came of it: what is lost from now on is counted anew. */
  succeeded(): void {
    this.#losses = 0;
  }

  /**
   * Loads the model again, on a new device or, where that is lost time and again, on the CPU.
   *
   * @param lost what ended the device
   * @throws LinnetError `lost` itself where the CPU may not take over; else why the CPU could not
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
