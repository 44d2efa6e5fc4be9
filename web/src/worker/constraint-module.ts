import { __wbg_reset_state as startAgain, initSync, Vocabulary } from '../../wasm/constraint.js';
import type { ConstraintCompiler, WasmEngine } from '../protocol/wasm.ts';
import { fetchModule } from './fetch-module.ts';

/** The wasm module that holds answers to a form. It is fetched when the first such request comes. */
export class ConstraintModule implements ConstraintCompiler {
  #module: WebAssembly.Module | undefined;
  /** The model's tokens, until the vocabulary is made. */
  #tokens: ReturnType<WasmEngine['tokens']> | undefined;
  #vocabulary: Vocabulary | undefined;

  /**
   * Call this before the engine compiles a constraint.
   *
   * @throws LinnetError why the module could not be loaded
   */
  async prepare(engine: Pick<WasmEngine, 'tokens'>, signal: AbortSignal): Promise<void> {
    if (!this.#module) {
      // Bundlers recognize this form and include the file.
      this.#module = await fetchModule(new URL('./constraint_bg.wasm', import.meta.url), signal);
      initSync({ module: this.#module });
    }
    if (!this.#vocabulary) this.#tokens ??= engine.tokens();
  }

  compile(specJson: string): unknown {
    this.#vocabulary ??= new Vocabulary(...this.#tokens!);
    this.#tokens = undefined;
    return this.#vocabulary.compile(specJson);
  }

  /** Starts the module again with an empty memory, since it may have trapped, and memories do not shrink. */
  reset(): void {
    startAgain();
    this.#vocabulary = undefined;
  }
}
