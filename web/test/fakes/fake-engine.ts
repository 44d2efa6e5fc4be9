import type { EngineReport, GenerationEvent, SuggestEvent } from '../../src/protocol/generated.ts';
import type { WasmEngine, WasmGeneration } from '../../src/protocol/wasm.ts';

/** The calls of a {@link FakeEngine}, in order. */
export type Log = string[];

/** An engine whose answer to `{ prompt: "x", max_tokens: n }` is n times "x", one token per step. */
export class FakeEngine implements WasmEngine {
  /** Whether its GPU is gone. */
  lost = false;

  constructor(readonly log: Log) {}

  info(): EngineReport {
    return {} as EngineReport;
  }

  generate(requestJson: string): WasmGeneration {
    const request = JSON.parse(requestJson) as { prompt: string; max_tokens: number };
    if (request.prompt === 'refuse')
      throw Object.assign(new Error('no'), {
        name: 'LinnetError',
        code: 'invalid-request',
        details: { field: 'prompt' },
      });
    this.log.push(`start ${request.prompt}`);
    return new FakeGeneration(request.prompt, request.max_tokens, this);
  }

  suggest(requestJson: string): WasmGeneration {
    const { prefix } = JSON.parse(requestJson) as { prefix: string };
    this.log.push(`suggest ${prefix}`);
    let steps = 0;
    let finish_reason: 'stop' | 'cancelled' = 'stop';
    return {
      next: async () => {
        const step: SuggestEvent = {
          type: 'words',
          words: [{ word: prefix, completion: '' }],
          begun: prefix,
          finish_reason,
          tokens: steps,
          ms: 1,
        };
        return steps++ < 2 && finish_reason === 'stop' ? { type: 'step' } : step;
      },
      cancel: () => (finish_reason = 'cancelled'),
      free: () => this.log.push(`free ${prefix}`),
    };
  }

  countTokens(requestJson: string): number {
    const { prompt } = JSON.parse(requestJson) as { prompt: string };
    if (prompt === 'refuse')
      throw Object.assign(new Error('no'), {
        name: 'LinnetError',
        code: 'invalid-request',
        details: { field: 'prompt' },
      });
    this.log.push(`count ${prompt}`);
    return prompt.length;
  }

  measured(): undefined {}

  unload(): void {
    this.log.push('unload');
  }

  replace(): void {
    this.lost = false;
    this.log.push('replace');
  }

  free(): void {}
}

class FakeGeneration implements WasmGeneration {
  #step = 0;
  #cancelled = false;

  constructor(
    readonly text: string,
    readonly count: number,
    readonly engine: FakeEngine,
  ) {}

  async next(): Promise<GenerationEvent> {
    if (this.text === 'trap') throw new WebAssembly.RuntimeError('unreachable');
    if (this.engine.lost && !this.#cancelled)
      throw Object.assign(new Error('gone'), { name: 'LinnetError', code: 'device-lost', details: { reason: 'test' } });
    const done = this.#cancelled || this.#step >= this.count;
    return done ? this.#end() : { type: 'token', text: this.text, token: ++this.#step };
  }

  cancel(): void {
    this.#cancelled = true;
  }

  free(): void {
    this.engine.log.push(`free ${this.text}`);
  }

  #end(): GenerationEvent {
    return {
      type: 'done',
      finish_reason: this.#cancelled ? 'cancelled' : 'length',
      text: '.',
      usage: { prompt_tokens: 1, completion_tokens: this.#step, total_tokens: 1 + this.#step, reasoning_tokens: 0 },
      timings: {
        prompt_n: 1,
        prompt_ms: 1,
        prompt_per_second: 1,
        predicted_n: this.#step,
        predicted_ms: 1,
        predicted_per_second: 1,
      },
    };
  }
}
