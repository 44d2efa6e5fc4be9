import { LinnetError } from '../protocol/errors.ts';
import type { DecisionTimings } from '../protocol/generated.ts';
import type { Asked, EngineEvent, WhenBusy } from '../protocol/messages.ts';
import { named, plain, setFields, wrong } from '../protocol/plain.ts';
import { readSignal } from '../protocol/read-options.ts';
import type { AskOptions } from '../page/engine-host.ts';
import type { ChatAssistantMessage, ChatMessage } from './chat-types.ts';
import { promptLimit, readBusy } from './request.ts';

/** What all requests for decisions have. */
interface DecideOptions<Option extends string> {
  /** The possible answers: 2 to 64 distinct texts. */
  options: readonly Option[];
  /** What happens if the engine is answering another request; `queue` by default. */
  busy?: WhenBusy | null;
  /** Called after each run of the model. */
  onProgress?: ((progress: DecideProgress) => void) | null;
  /** Ends the decision, which then fails with `aborted`. */
  signal?: AbortSignal | null;
}

/** A decision about a question. */
interface QuestionRequest<Option extends string> extends DecideOptions<Option> {
  /** The user's message. */
  question: string;
  /** The instructions before it. */
  system?: string | null;
  /** Whether the message also says the options; `true` by default. */
  show_options?: boolean | null;
  messages?: never;
  prompt?: never;
}

/** A decision about a conversation, or about the rest of the assistant's message at its end. */
interface ConversationRequest<Option extends string> extends DecideOptions<Option> {
  messages: readonly (ChatMessage | ChatAssistantMessage)[];
  /** Whether the last message of the user also says the options; `true` by default. */
  show_options?: boolean | null;
  question?: never;
  prompt?: never;
}

/** A decision about how a text, or token ids, continue. */
interface PromptRequest<Option extends string> extends DecideOptions<Option> {
  prompt: string | readonly number[];
  question?: never;
  messages?: never;
}

/** A request for the probabilities of some answers. */
export type DecideRequest<Option extends string = string> = (
  | QuestionRequest<Option>
  | ConversationRequest<Option>
  | PromptRequest<Option>
) & { texts?: null };

/** A request to decide about several texts. */
export interface BatchDecideRequest<Option extends string = string> extends QuestionRequest<Option> {
  /** The texts, up to 1,000. Each comes after the question, whose part of the prompt is read only once. */
  texts: readonly string[];
}

/** How many decisions are made. */
export interface DecideProgress {
  done: number;
  total: number;
}

/** An option and how likely it is. */
export interface OptionProbability<Option extends string = string> {
  option: Option;
  /** Its probability among the options; those of all options add up to 1. */
  probability: number;
  /**
   * The natural logarithm of the probability that the model's answer begins with this option, and not with a longer
   * option.
   */
  logprob: number;
}

/** How likely each option is. */
export interface Decision<Option extends string = string> {
  /** The most likely option. */
  choice: Option;
  /** All options, in the order of the request. */
  options: OptionProbability<Option>[];
  /** The number of tokens that were computed, and the time that it took. */
  timings: DecisionTimings;
}

const FIELDS = ['question', 'messages', 'prompt', 'system', 'options', 'texts', 'show_options'];
const KNOWN = [...FIELDS, 'busy', 'onProgress', 'signal'];

/** Reads a request for decisions. The engine checks its own fields; here they are only turned into plain data. */
export function readDecide(
  request: unknown,
  contextLength = Infinity,
): { fields: object; asking: AskOptions; onProgress: ((progress: DecideProgress) => void) | undefined } {
  const set = setFields(request, 'request');
  const fields = Object.entries(set).flatMap(([field, value]) => {
    if (!KNOWN.includes(field)) throw wrong(field, value, 'is not supported', { known: KNOWN });
    // Each of several texts must fit, but not all together.
    const limit = ['texts', 'options'].includes(field) ? undefined : promptLimit(contextLength);
    return FIELDS.includes(field) ? [[field, plain(value, field, limit)]] : [];
  });
  const { busy, onProgress, signal } = set;
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw wrong('onProgress', onProgress, `is ${named(onProgress)}, but must be a function`);
  return {
    fields: Object.fromEntries(fields),
    asking: { busy: readBusy(busy), signal: readSignal(signal) },
    onProgress: onProgress as ((progress: DecideProgress) => void) | undefined,
  };
}

/** Makes the decisions of a request. */
export async function decide(
  ask: (what: Asked, request: object, asking: AskOptions) => AsyncGenerator<EngineEvent>,
  request: DecideRequest | BatchDecideRequest,
  contextLength: number,
): Promise<Decision | Decision[]> {
  const { fields, asking, onProgress } = readDecide(request, contextLength);
  for await (const event of ask('decide', fields, asking)) {
    if (event.type === 'deciding') onProgress?.({ done: event.done, total: event.total });
    if (event.type === 'decided') return 'texts' in fields ? event.decisions : event.decisions[0]!;
  }
  throw new LinnetError('internal', 'The engine decided nothing.');
}
