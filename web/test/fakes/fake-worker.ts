import type { EngineEvent, EngineInfo, FromWorker, ToWorker } from '../../src/protocol/messages.ts';
import { WorkerHost } from '../../src/page/worker-host.ts';

export const INFO = { model: { name: 'Fake', context_length: 64 }, backend: 'cpu' } as unknown as EngineInfo;

/** A worker that answers each request with two tokens. While it computes, it does not respond. */
export class FakeWorker {
  readonly told: ToWorker[] = [];
  /** Requests are started, but do not end. */
  slow = false;
  /** It does not respond any more. */
  computes = false;
  /** A type of message that it ignores. */
  deafTo: ToWorker['type'] | undefined;
  ended = false;
  onmessage: ((event: { data: FromWorker }) => void) | null = null;
  readonly #begun = new Set<number>();

  /** Its response to a task. */
  constructor(public task: FromWorker[] = [{ type: 'begun' }, { type: 'loaded', info: INFO }]) {}

  /** The engine's requests, as JSON. */
  get requests(): unknown[] {
    return this.told.flatMap((message) => ('request' in message ? [JSON.parse(message.request)] : []));
  }

  postMessage(given: ToWorker): void {
    // Like a real worker, it accepts only values that can be cloned.
    const message = structuredClone(given);
    this.told.push(message);
    if (this.computes || message.type === this.deafTo) return;
    if (message.type === 'load' || message.type === 'store') for (const said of this.task) this.say(said);
    if (message.type === 'ping') this.say({ type: 'pong' });
    if (message.type === 'generate') this.#generate(message.id);
    if (message.type === 'count') this.#event(message.id, { type: 'counted', tokens: 3 });
    if (message.type === 'cancel' && this.#begun.delete(message.id)) this.#done(message.id, 'cancelled');
  }

  /** Handles the requests that arrived while it computed. */
  answer(): void {
    for (const message of this.told) if (message.type === 'generate') this.#generate(message.id);
  }

  terminate(): void {
    this.ended = true;
  }

  say(data: FromWorker): void {
    // With a delay, since Node's mocked timers order timers without one wrongly.
    setTimeout(() => this.ended || this.onmessage?.({ data }), 0);
  }

  #generate(id: number): void {
    this.#event(id, { type: 'token', token: 1, text: 'a' });
    if (this.slow) return void this.#begun.add(id);
    this.#event(id, { type: 'token', token: 2, text: 'b' });
    this.#done(id, 'stop');
  }

  #done(id: number, finish_reason: 'stop' | 'cancelled'): void {
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, reasoning_tokens: 0 };
    const prompt = { prompt_n: 1, prompt_ms: 1, prompt_per_second: 1 };
    const timings = { ...prompt, predicted_n: 1, predicted_ms: 1, predicted_per_second: 1 };
    this.#event(id, { type: 'done', finish_reason, text: '', usage, timings });
  }

  #event(id: number, event: EngineEvent): void {
    this.say({ type: 'event', id, event });
  }
}

/** Starts these workers in order. */
export function startsOf(...workers: FakeWorker[]): () => Worker {
  return () => (workers.shift() ?? new FakeWorker()) as unknown as Worker;
}

/** The page's side of such a worker. */
export function hostOf(worker: FakeWorker): WorkerHost {
  return new WorkerHost(startsOf(worker));
}
