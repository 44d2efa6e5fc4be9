import type { DecideEvent, EngineReport, GenerationEvent, SuggestEvent } from '../../src/protocol/generated.ts';
import type { ConstraintCompiler, WasmEngine, WasmGeneration } from '../../src/protocol/wasm.ts';

/** The calls of a {@link FakeEngine}, in order. */
export type Log = string[];

/** What holds answers to a form, without a module. Only the expressions `invalid` and `too-complex` do not compile. */
export class FakeConstraints {
  constructor(readonly log: Log = []) {}

  async prepare(_engine: unknown, signal: AbortSignal): Promise<void> {
    this.log.push('prepare');
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }

  compile(spec: string): void {
    this.log.push(`compile ${spec}`);
    if (spec !== 'invalid' && spec !== 'too-complex') return;
    throw Object.assign(new Error('no'), { name: 'LinnetError', code: 'bad-constraint', details: { kind: spec } });
  }

  reset(): void {
    this.log.push('reset');
  }
}

/** An engine whose answer to `{ prompt: "x", max_tokens: n }` is n times "x", one token per step. */
export class FakeEngine implements WasmEngine {
  /** Whether its GPU is gone. */
  lost = false;

  constructor(readonly log: Log) {}

  info(): EngineReport {
    return {} as EngineReport;
  }

  isConstrained(requestJson: string): boolean {
    return 'regex' in (JSON.parse(requestJson) as object);
  }

  tokens(): [Uint8Array, Uint32Array] {
    return [new Uint8Array(), new Uint32Array()];
  }

  /** A constraint that does not compile throws what the compiler throws. */
  generate(requestJson: string, compiler?: ConstraintCompiler): WasmGeneration {
    if (compiler) compiler.compile((JSON.parse(requestJson) as { regex: string }).regex);
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

  decide(requestJson: string): WasmGeneration {
    const { texts } = JSON.parse(requestJson) as { texts: string[] };
    this.log.push(`decide ${texts.join()}`);
    let done = 0;
    let finish_reason: 'stop' | 'cancelled' = 'stop';
    return {
      next: async (): Promise<DecideEvent> => {
        const total = texts.length;
        if (done < total && finish_reason === 'stop') return { type: 'deciding', done: ++done, total };
        const decisions = texts.slice(0, done).map((choice) => ({
          choice,
          options: [],
          timings: { tokens: 1, ms: 1 },
        }));
        return { type: 'decided', decisions, finish_reason };
      },
      cancel: () => (finish_reason = 'cancelled'),
      free: () => this.log.push('free'),
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
