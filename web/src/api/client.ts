import type { CountRequest, LoadOptions, SuggestRequest, Suggestions } from './types.ts';
import { ChatCompletions, Completions, type Generate } from './completions.ts';
import { type BatchDecideRequest, type Decision, decide, type DecideRequest } from './decide.ts';
import { readWatching, refuseUnknown } from '../protocol/read-options.ts';
import { bytesOf, type RecommendedSampling } from '../models/entry.ts';
import { type AskOptions, EngineHost } from '../page/engine-host.ts';
import { aborted, LinnetError, toLinnetError } from '../protocol/errors.ts';
import { type ReadLoadOptions, readLoadOptions } from './load-options.ts';
import { DEFAULT_POLICY } from '../page/page-policy.ts';
import { saveTuneCache, readTuneCache } from '../page/tune-cache.ts';
import { fileOf, type ModelBytes, type ModelParts } from '../models/model-bytes.ts';
import { listedOf, type ModelNames, namesOf } from '../models/names.ts';
import { models } from '../models/models.ts';
import { askToPersist } from '../page/persistence.ts';
import type { Asked, EngineEvent, EngineInfo, FromWorker, Recovered } from '../protocol/messages.ts';
import { setFields } from '../protocol/plain.ts';
import { crashKeyOf, steppedDown } from '../page/recovery.ts';
import { readCount, readSuggest } from './request.ts';
import { openRecovery, CrashMarker } from '../page/crash-marker.ts';
import { copyOf, type ModelSource, resolveModel } from '../models/sources.ts';
import { follow } from '../protocol/abortable.ts';
import { type LoadedWorker, loadInWorker, type LoadTask } from '../page/worker-host.ts';

/** A loaded model. Made by {@link Linnet.load}. */
export class Linnet {
  /** Chat completions, as in OpenAI's API. */
  readonly chat: { readonly completions: ChatCompletions };
  /** Text completions, as in OpenAI's API. */
  readonly completions: Completions;
  readonly #host: EngineHost;
  /** Sends every request that runs the model. */
  readonly #ask: Ask;
  /** The names that requests may give to the model. */
  readonly #names: Set<string>;
  #info: EngineInfo;

  private constructor(
    host: EngineHost,
    loaded: EngineInfo,
    marker: CrashMarker | undefined,
    { listed, others }: ModelNames,
    sampling: RecommendedSampling | null,
  ) {
    this.#host = host;
    const info = calledBy(listed, loaded);
    const { name } = info.model;
    this.#names = new Set([name, loaded.model.name, ...others]);
    this.#info = info;
    host.onChange = (changed) =>
      (this.#info = { ...calledBy(listed, changed), ...(info.recovered ? { recovered: info.recovered } : {}) });
    host.onDone = ({ counters }) => counters && (this.#info = { ...this.#info, counters });
    this.#ask = markFirstAnswer(host.ask.bind(host), marker);
    const generate = sampledAs(sampling, answersOf(this.#ask));
    const { context_length: contextLength } = info.model;
    this.chat = { completions: new ChatCompletions(generate, name, this.#names, contextLength) };
    this.completions = new Completions(generate, name, this.#names, contextLength);
  }

  /**
   * Loads a model.
   *
   * @param model the id of a listed model, a URL (relative to the page), or a file that the person chose; for a split
   * model the list of its parts, or the URL of one of them; or a file's bytes, or a stream of them, which are not
   * stored
   * @throws LinnetError if loading fails; nothing is left running
   */
  static async load(model: ModelSource | ModelBytes | ModelParts, options: LoadOptions = {}): Promise<Linnet> {
    const read = readLoadOptions(options);
    const { signal, leave } = follow(read.signal);
    try {
      return await Linnet.#load(model, options, { ...read, signal });
    } finally {
      leave();
    }
  }

  static async #load(
    model: ModelSource | ModelBytes | ModelParts,
    options: LoadOptions,
    read: ReadLoadOptions,
  ): Promise<Linnet> {
    const { task: asked, bases, recovery, policy, onProgress, signal } = read;
    if (signal?.aborted) throw aborted();
    const { source } = await fileOf(copyOf(model as ModelSource, baseUrl()), onProgress, signal);
    const resolved = resolveModel(source, { models, bases, here: baseUrl() });
    const names = namesOf(source, baseUrl());
    const sampling = samplingOf(source);
    const task: LoadTask = { type: 'load', model: resolved, ...asked };
    const measured = asked.storage === 'none' ? undefined : readTuneCache();
    if (measured !== undefined) task.measured = measured;

    const net = recovery === 'off' ? undefined : openRecovery();
    const crashKey = crashKeyOf(resolved);
    await net?.notice();
    const recovered = net?.stepFor(crashKey, task);
    if (recovered?.step === 'smaller-model') return Linnet.#loadSmaller(source, options, recovered);
    if (recovered) Object.assign(task, steppedDown(task, recovered.step));
    const marker = net && new CrashMarker(net, crashKey);
    await marker?.enter('load');
    const began = performance.now();
    try {
      const { host: worker, info } = await loadInWorker(task, hearLoading(task, onProgress), signal);
      try {
        const host = new EngineHost(worker, reloadOf(task, info), performance.now() - began);
        host.policy = { ...DEFAULT_POLICY, ...policy };
        return new Linnet(host, recovered ? { ...info, recovered } : info, marker, names, sampling);
      } catch (error) {
        // Otherwise the worker would keep the model forever.
        worker.end(toLinnetError(error));
        throw error;
      }
    } finally {
      marker?.leave();
    }
  }

  /** Loads a smaller model instead of one that crashed the page again and again. */
  static async #loadSmaller(model: ModelSource, options: LoadOptions, recovered: Recovered): Promise<Linnet> {
    const smaller = smallerThan(model);
    if (options.recovery !== 'smaller-model' || !smaller) {
      const times = `The page crashed ${recovered.crashes} times with this model`;
      const text = `${times}, which probably needs more memory than this device has. Choose a smaller model.`;
      throw new LinnetError('out-of-memory', text, {
        crashes: recovered.crashes,
        phase: recovered.phase,
        smaller: smaller ? { model: smaller } : null,
      });
    }
    const { others } = namesOf(model, baseUrl());
    const linnet = await Linnet.load(smaller, options);
    linnet.#info = { ...linnet.#info, recovered: linnet.#info.recovered ?? recovered };
    // The site's requests still name the model that it asked for.
    for (const name of others) linnet.#names.add(name);
    return linnet;
  }

  /** Forgets the crashes that a model, or any model, has caused: the next load uses all options as given. */
  static resetRecovery(model?: ModelSource): void {
    openRecovery()?.reset(
      model === undefined ? undefined : crashKeyOf(resolveModel(model, { models, bases: [], here: baseUrl() })),
    );
  }

  /** Describes the loaded model and what it runs on. */
  info(): EngineInfo {
    return structuredClone(this.#info);
  }

  /**
   * Counts the tokens of a prompt. For messages this includes what the model's chat template adds, as in
   * `usage.prompt_tokens`. The model does not run, and an answer in progress continues.
   *
   * @param request the messages, or the text (or token ids) of a completion
   * @param options `signal` ends the count, or the wait for it
   * @throws LinnetError `invalid-request`, `bad-template`, `aborted`
   */
  async countTokens(request: CountRequest, options: { signal?: AbortSignal | undefined } = {}): Promise<number> {
    const set = setFields(options, 'options');
    refuseUnknown(set, ['signal']);
    const { signal } = readWatching(set);
    for await (const event of this.#host.ask('count', readCount(request), { signal })) {
      if (event.type === 'counted') return event.tokens;
    }
    throw new LinnetError('internal', 'The engine counted no tokens.');
  }

  /**
   * Suggests the next words while somebody types, most likely first. If the text ends within a word, suggests
   * completions of that word. Requests are answered in order; end an outdated request with its `signal`.
   *
   * @throws LinnetError `invalid-request`, `context-full`, `aborted`
   */
  async suggest(request: SuggestRequest): Promise<Suggestions> {
    const { fields, signal } = readSuggest(request, this.#info.model.context_length);
    for await (const event of this.#ask('suggest', fields, { signal })) {
      if (event.type !== 'words') continue;
      const { words, begun, tokens, ms } = event;
      return { words, begun, timings: { tokens, ms } };
    }
    throw new LinnetError('internal', 'The engine suggested nothing.');
  }

  /**
   * Computes how likely each option is as the model's answer, without writing one: to classify, route or score. With
   * `texts`, decides about each of them, and returns their decisions in order.
   *
   * @throws LinnetError `invalid-request`, `context-full`, `bad-template`, `busy`, `aborted`
   */
  decide<const Option extends string>(request: BatchDecideRequest<Option>): Promise<Decision<Option>[]>;
  decide<const Option extends string>(request: DecideRequest<Option>): Promise<Decision<Option>>;
  decide(request: DecideRequest | BatchDecideRequest): Promise<Decision | Decision[]> {
    return decide(this.#ask, request, this.#info.model.context_length);
  }

  /** Frees the model's memory. Requests in progress fail with `aborted`; the engine cannot be used again. */
  dispose(): void {
    this.#host.end(aborted({ disposed: true }));
  }
}

/** Handles the worker's messages during a load. */
function hearLoading({ storage }: LoadTask, onProgress: LoadOptions['onProgress']): (message: FromWorker) => void {
  const stores = storage !== 'none';
  let asks = stores;
  return (message) => {
    if (message.type === 'measured' && stores) saveTuneCache(message.found);
    if (message.type !== 'progress') return;
    const { progress } = message;
    if (asks && progress.phase === 'download') {
      asks = false;
      askToPersist();
    }
    onProgress?.(progress);
  };
}

/** Loads the model again, with a context of the same length, and not on a GPU that failed. */
function reloadOf(task: LoadTask, { backend, model }: EngineInfo): (signal: AbortSignal) => Promise<LoadedWorker> {
  const again: LoadTask = { ...task, contextLength: model.context_length, ...(backend === 'cpu' ? { backend } : {}) };
  return (signal) => loadInWorker(again, () => {}, signal);
}

/** Sends a request to the engine and yields its events until the last one. Leaving early cancels the request. */
type Ask = (what: Asked, request: object, asking: AskOptions) => AsyncGenerator<EngineEvent>;

/**
 * Sets the crash marker during the first answer, which is when all memory is used for the first time and a GPU driver
 * runs all kernels for the first time.
 */
function markFirstAnswer(ask: Ask, marker: CrashMarker | undefined): Ask {
  let first = true;
  return async function* (...request) {
    if (!first || !marker) return yield* ask(...request);
    first = false;
    await marker.enter('first-answer');
    try {
      yield* ask(...request);
    } finally {
      marker.leave();
    }
  };
}

/** Only the events of an answer. */
function answersOf(ask: Ask): Generate {
  return async function* (request, asking) {
    for await (const event of ask('generate', request, asking)) {
      if (event.type === 'prefill' || event.type === 'token' || event.type === 'done') yield event;
    }
  };
}

/** Fills fields that a request leaves out with what the model's makers recommend. */
function sampledAs(sampling: RecommendedSampling | null, generate: Generate): Generate {
  return sampling ? (request, ...rest) => generate({ ...sampling, ...request }, ...rest) : generate;
}

/** The sampling recommended for a listed model, or in the site's own entry. */
function samplingOf(source: unknown): RecommendedSampling | null {
  return listedOf(source, baseUrl())?.sampling ?? null;
}

/** A listed model has the list's name, whatever its file says. */
function calledBy(listed: string | undefined, info: EngineInfo): EngineInfo {
  const { name } = info.model;
  return listed === undefined || listed === name
    ? info
    : { ...info, model: { ...info.model, name: listed, general_name: name } };
}

/** The base of relative URLs. */
function baseUrl(): string {
  return globalThis.document?.baseURI ?? globalThis.location.href;
}

/** The id of the largest listed model of at most half the size; if the size is unknown, the smallest listed model. */
function smallerThan(source: ModelSource): string | undefined {
  const listed = typeof source === 'string' ? models.get(source) : undefined;
  const most = (listed && bytesOf(listed)) ?? Infinity;
  const sized = [...models]
    .map((model) => ({ id: model.id, bytes: bytesOf(model) ?? Infinity }))
    .sort((one, other) => one.bytes - other.bytes);
  return most === Infinity ? sized[0]?.id : sized.filter(({ bytes }) => bytes <= most / 2).at(-1)?.id;
}
