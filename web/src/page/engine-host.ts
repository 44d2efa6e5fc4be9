import { aborted, fromPlain, LinnetError, toLinnetError, toPlain } from '../protocol/errors.ts';
import { Inbox } from './inbox.ts';
import { attend, DEFAULT_POLICY, type PagePolicy } from './page-policy.ts';
import { PacedInbox } from './paced-inbox.ts';
import { ABORT_MS, SILENCE_MS, waitWhile } from './patience.ts';
import { type Reply, type Asked, type EngineEvent, type EngineInfo, type FromWorker, isLast, type Steering, type WhenBusy } from '../protocol/messages.ts';
import { follow } from '../protocol/abortable.ts';
import type { LoadedWorker, WorkerHost } from './worker-host.ts';

/**
 * A cancelled request holds the engine for at most this many milliseconds, even if the worker hears the page. The recovery of a lost
 * device does not count, since another worker would have to load the model as well; in it a worker may be silent for as long.
 */
const ENDING_MS = 60_000;
/** A worker may be silent for this many times as long as the longest step of an answer has taken. */
const STEPS = 3;
/** No step and no load counts for more milliseconds: the page was frozen, the device slept, or the network was slow. */
const LONGEST_STEP_MS = 20_000;

/** How a request is put to the engine. */
export interface AskOptions {
  signal?: AbortSignal | undefined;
  busy?: WhenBusy;
  /** Where it differs from how the engine was loaded. */
  policy?: Partial<PagePolicy>;
  /** Whether somebody reads along: tokens that come together are then given out one after another. */
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
  /** Whether an event of it has come. */
  begun: boolean;
  /** When its last event came or, before the first one, when its turn came. */
  heard?: number;
}

/** The page's side of an engine: what is asked of it, and the worker that it is in now. */
export class EngineHost {
  /** The worker; none while the model is loaded into another one. */
  #worker: WorkerHost | undefined;
  /** Requests in the order in which the worker answers them. Counts are answered between the steps of the others. */
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  /** Requests that somebody waits for, without counts, which keep nobody waiting. */
  #answering = 0;
  #ended: LinnetError | undefined;
  readonly #reloading = new AbortController();
  #watching = false;
  /** The longest that a step of an answer took, in milliseconds. */
  #slowest = 0;
  /** Whether the worker loads the model again, because its device was lost. */
  #recovering = false;
  /** Whether the worker has said something since the last look. */
  #alive = false;
  /** Hears when the model runs on something else now, or in another worker. */
  onChange: ((info: EngineInfo) => void) | undefined;
  /** Hears of each answer that has ended. */
  onDone: ((event: Extract<EngineEvent, { type: 'done' }>) => void) | undefined;
  /** How it answers where a request says nothing else. */
  policy: PagePolicy = DEFAULT_POLICY;

  /**
   * @param worker has the model
   * @param reload loads the model into another worker, like the first time
   * @param loadMs milliseconds that loading took: a slow worker is not replaced before about as many have passed
   */
  constructor(
    worker: WorkerHost,
    readonly reload: (signal: AbortSignal) => Promise<LoadedWorker>,
    readonly loadMs = 0,
  ) {
    this.#serve(worker);
  }

  /** Puts a request: what becomes of it, to its last event, or to what went wrong. Leaving it early cancels. */
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
    // Whatever throws here does so before anybody waits for an answer.
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
        // What was on its way when the person said stop is not shown any more.
        if (!running || !signal.aborted) yield event;
        if (!running) return;
      }
    } finally {
      leave?.();
      signal.removeEventListener('abort', abort);
      if (running) {
        // The caller left. Whoever comes next finds an engine that is at rest, unless it takes long to hear.
        this.#cancel(pending);
        while (!isLast(await pending.inbox.take()));
      }
      this.#answering -= answers;
    }
  }

  /** Ends the engine; everything that waits for it fails with the reason. */
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
    // The worker goes on with the next request, and may not have heard yet that nobody wants it any more.
    if (this.#lingers()) void this.#watch();
  }

  #recover(active: boolean): void {
    this.#recovering = active;
    // The recovery is no step of the answer.
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
    // The time that it waited is no step.
    delete pending.heard;
    this.#worker?.post({ type: 'steer', id: pending.id, ...steering });
  }

  /** Ends a request. If the worker does not say within a second that it has, the caller waits no longer. */
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

  /** Whether the engine is busy with what nobody waits for. Requests after it wait for that, too. */
  #lingers(): boolean {
    if (!this.#worker) return false;
    const current = this.#current;
    if (current?.cancelled) return true;
    // A request that came after a count does not begin before the worker is done with that.
    const blocks = ({ id }: Pending) => !current || (id < current.id && !current.begun);
    return [...this.#pending.values()].some((one) => one.what === 'count' && one.cancelled && blocks(one));
  }

  /** Replaces a worker that goes on with a cancelled request without hearing the page. */
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

  /** Ends the worker and loads the model into another one, which goes on with the requests that wait. */
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
      const text = `The engine did not react to an abort and was stopped. The model could not be loaded again: ${message}`;
      this.end(new LinnetError(code, text, { ...details, worker: 'silent' }));
    }
  }
}
