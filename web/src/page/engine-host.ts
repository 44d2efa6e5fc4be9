import { aborted, fromPlain, LinnetError, toLinnetError, toPlain } from '../protocol/errors.ts';
import { Inbox } from './inbox.ts';
import { attend, DEFAULT_POLICY, type PagePolicy } from './page-policy.ts';
import { PacedInbox } from './paced-inbox.ts';
import { ABORT_MS, SILENCE_MS, waitWhile } from './patience.ts';
import {
  type Reply,
  type Asked,
  type EngineEvent,
  type EngineInfo,
  type FromWorker,
  isLast,
  type Steering,
  type WhenBusy,
} from '../protocol/messages.ts';
import { follow } from '../protocol/abortable.ts';
import type { LoadedWorker, WorkerHost } from './worker-host.ts';

/**
 * A cancelled request blocks the engine for at most this many milliseconds, even if the worker responds. The recovery
 * of a lost device does not count, since another worker would also have to load the model; during it a worker may be
 * silent for this long.
 */
const ENDING_MS = 60_000;
/** A worker may be silent for this many times the longest step of an answer. */
const STEPS = 3;
/**
 * A step or load counts for at most this many milliseconds: if it took longer, the page was frozen, the device slept,
 * or the network was slow.
 */
const LONGEST_STEP_MS = 20_000;

/** Options of a request to the engine. */
export interface AskOptions {
  signal?: AbortSignal | undefined;
  busy?: WhenBusy;
  /** Overrides of the engine's policy. */
  policy?: Partial<PagePolicy>;
  /** Whether the answer is streamed: then tokens that arrive together are passed on evenly over time. */
  paced?: boolean;
}

/** A request that the engine has not ended yet. */
interface Pending {
  readonly id: number;
  readonly what: Asked;
  /** The request as JSON. */
  readonly text: string;
  readonly inbox: Inbox<Reply>;
  steering: Steering;
  cancelled: boolean;
  /** Whether its first event has arrived. */
  begun: boolean;
  /** The time of its last event or, before the first one, of its start. */
  heard?: number;
}

/** The page's side of an engine: its requests and its current worker. */
export class EngineHost {
  /** The worker; `undefined` while the model is being loaded into another one. */
  #worker: WorkerHost | undefined;
  /** Requests in the order in which the worker answers them. Counts are answered between the steps of the others. */
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Requests in progress, except counts, which do not block others. */
  #answering = 0;
  #ended: LinnetError | undefined;
  readonly #reloading = new AbortController();
  #watching = false;
  /** The longest that a step of an answer took, in milliseconds. */
  #slowest = 0;
  /** Whether the worker is loading the model again after the loss of its device. */
  #recovering = false;
  /** Whether the worker has sent a message since the last check. */
  #alive = false;
  /** Called when the model runs on another backend or in another worker. */
  onChange: ((info: EngineInfo) => void) | undefined;
  /** Called when an answer has ended. */
  onDone: ((event: Extract<EngineEvent, { type: 'done' }>) => void) | undefined;
  /** The policy of requests that set none. */
  policy: PagePolicy = DEFAULT_POLICY;

  /**
   * @param worker the worker that has the model
   * @param reload loads the model into another worker, as the first time
   * @param loadMs how long loading took: a silent worker is not replaced much earlier than that
   */
  constructor(
    worker: WorkerHost,
    readonly reload: (signal: AbortSignal) => Promise<LoadedWorker>,
    readonly loadMs = 0,
  ) {
    this.#serve(worker);
  }

  /** Sends a request and yields its events until the last one. Leaving early cancels the request. */
  async *ask(what: Asked, request: object, asking: AskOptions): AsyncGenerator<EngineEvent> {
    const { signal, leave } = follow(asking.signal);
    try {
      yield* this.#ask(what, request, { ...asking, signal });
    } finally {
      leave();
    }
  }

  async *#ask(what: Asked, request: object, asking: AskOptions & { signal: AbortSignal }): AsyncGenerator<EngineEvent> {
    const { signal, busy = 'queue', paced = false, policy: asked } = asking;
    if (this.#ended) throw this.#ended;
    if (signal.aborted) throw aborted();
    if (busy === 'refuse' && this.#answering > 0) {
      throw new LinnetError('busy', 'The engine is answering another request.', { requests: this.#answering });
    }
    const policy = { ...this.policy, ...asked };
    // Errors here are thrown before anything waits for an answer.
    const pending: Pending = {
      id: ++this.#lastId,
      what,
      text: JSON.stringify(request),
      inbox: paced ? new PacedInbox() : new Inbox<Reply>(),
      steering: { hold: false, pace: policy.pace },
      cancelled: false,
      begun: false,
    };
    const abort = () => this.#cancel(pending);
    signal.addEventListener('abort', abort);
    this.#pending.set(pending.id, pending);
    const answers = what === 'count' ? 0 : 1;
    this.#answering += answers;
    let running = true;
    let leave: (() => void) | undefined;
    try {
      this.#send(pending);
      if (what === 'generate') leave = attend(policy, (steering) => this.#steer(pending, steering));
      for (;;) {
        const answer = await pending.inbox.take();
        running = !isLast(answer);
        if (answer.type === 'error') throw fromPlain(answer.error);
        const { event } = answer;
        if (event.type === 'done') this.onDone?.(event);
        if ('finish_reason' in event && event.finish_reason === 'cancelled') {
          throw aborted(event.type === 'done' ? { usage: event.usage, timings: event.timings } : {});
        }
        // Text that arrives after the abort is not passed on.
        if (!running || !signal.aborted) yield event;
        if (!running) return;
      }
    } finally {
      leave?.();
      signal.removeEventListener('abort', abort);
      if (running) {
        // The caller left early. The next request should find an idle engine, unless the worker is slow to respond.
        this.#cancel(pending);
        while (!isLast(await pending.inbox.take()));
      }
      this.#answering -= answers;
    }
  }

  /** Ends the engine; all requests fail with the reason. */
  end(why: LinnetError): void {
    if (this.#ended) return;
    this.#ended = why;
    this.#reloading.abort();
    this.#worker?.end(why);
    for (const pending of this.#pending.values()) this.#fail(pending, why);
  }

  #serve(worker: WorkerHost): void {
    this.#worker = worker;
    this.#recovering = false;
    worker.onMessage = (message) => this.#hear(message);
    worker.onEnd = (why) => this.end(why);
    if (worker.ended) this.end(worker.ended);
    for (const pending of this.#pending.values()) this.#send(pending);
  }

  #hear(message: FromWorker): void {
    this.#alive = true;
    if (message.type === 'recovering') return this.#recover(message.active);
    if (message.type === 'changed') return this.onChange?.(message.info);
    if (message.type !== 'event' && message.type !== 'error') return;
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    const now = performance.now();
    if (pending.heard !== undefined && !pending.steering.hold) {
      this.#slowest = Math.max(this.#slowest, Math.min(now - pending.heard, LONGEST_STEP_MS));
    }
    pending.heard = now;
    pending.begun = true;
    pending.inbox.put(message);
    if (!isLast(message)) return;
    this.#pending.delete(message.id);
    const next = this.#current;
    if (next) next.heard ??= now;
    // The worker continues with the next request, and may not know yet that it was cancelled.
    if (this.#lingers()) void this.#watch();
  }

  #recover(active: boolean): void {
    this.#recovering = active;
    // The recovery does not count as a step of the answer.
    const current = this.#current;
    if (current) current.heard = performance.now();
  }

  /** The request that the worker answers now. */
  get #current(): Pending | undefined {
    return [...this.#pending.values()].find(({ what }) => what !== 'count');
  }

  #send(pending: Pending): void {
    const { id, what, text, steering } = pending;
    // Its first step, which reads the prompt, may be the longest one.
    if (pending === this.#current) pending.heard = performance.now();
    if (what !== 'generate') return this.#worker?.post({ type: what, id, request: text });
    this.#worker?.post({ type: what, id, request: text, pace: steering.pace });
    if (steering.hold) this.#worker?.post({ type: 'steer', id, ...steering });
  }

  #steer(pending: Pending, steering: Steering): void {
    pending.steering = { ...steering };
    // The time of a pause does not count as a step.
    delete pending.heard;
    this.#worker?.post({ type: 'steer', id: pending.id, ...steering });
  }

  /** Cancels a request. If the worker does not confirm it within a second, the caller stops waiting. */
  #cancel(pending: Pending): void {
    if (pending.cancelled || !this.#pending.has(pending.id)) return;
    pending.cancelled = true;
    if (!this.#worker) return this.#fail(pending, aborted());
    this.#worker.post({ type: 'cancel', id: pending.id });
    setTimeout(() => this.#pending.has(pending.id) && this.#tell(pending, aborted()), ABORT_MS);
    void this.#watch();
  }

  #fail(pending: Pending, why: LinnetError): void {
    this.#pending.delete(pending.id);
    this.#tell(pending, why);
  }

  #tell({ id, inbox }: Pending, why: LinnetError): void {
    inbox.put({ type: 'error', id, error: toPlain(why) });
  }

  /** Whether the engine is busy with a cancelled request, for which other requests wait. */
  #lingers(): boolean {
    if (!this.#worker) return false;
    const current = this.#current;
    if (current?.cancelled) return true;
    // A request that came after a count does not start before the count is done.
    const blocks = ({ id }: Pending) => !current || (id < current.id && !current.begun);
    return [...this.#pending.values()].some((one) => one.what === 'count' && one.cancelled && blocks(one));
  }

  /** Replaces a worker that does not respond while it works on a cancelled request. */
  async #watch(): Promise<void> {
    if (this.#watching || !this.#lingers()) return;
    this.#watching = true;
    let silent = 0;
    let ending = 0;
    let last = 0;
    this.#alive = true;
    await waitWhile((waited) => {
      silent = this.#alive ? 0 : silent + waited - last;
      if (!this.#recovering) ending += waited - last;
      last = waited;
      this.#alive = false;
      const slow = Math.max(STEPS * this.#slowest, Math.min(this.loadMs, LONGEST_STEP_MS));
      const patience = this.#recovering ? ENDING_MS : SILENCE_MS;
      if (!this.#lingers() || silent >= Math.max(patience, slow) || ending >= Math.max(ENDING_MS, slow)) return false;
      this.#worker?.post({ type: 'ping' });
      return true;
    });
    this.#watching = false;
    if (this.#lingers()) await this.#replace();
  }

  /** Ends the worker and loads the model into another one, which continues with the waiting requests. */
  async #replace(): Promise<void> {
    const worker = this.#worker!;
    this.#worker = undefined;
    worker.onEnd = undefined;
    worker.end(aborted());
    for (const pending of this.#pending.values()) if (pending.cancelled) this.#fail(pending, aborted());
    try {
      const { host, info } = await this.reload(this.#reloading.signal);
      if (this.#ended) return host.end(this.#ended);
      this.onChange?.(info);
      this.#serve(host);
    } catch (error) {
      const { code, message, details } = toLinnetError(error);
      const stopped = 'The engine did not react to an abort and was stopped.';
      const text = `${stopped} The model could not be loaded again: ${message}`;
      this.end(new LinnetError(code, text, { ...details, worker: 'silent' }));
    }
  }
}
