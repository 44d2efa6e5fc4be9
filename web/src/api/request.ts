import type { ChatRequest, CompletionRequest, CountRequest, SuggestRequest, UsageChoice } from './types.ts';
import type { AnswerForm } from './form-types.ts';
import type { WhenBusy } from '../protocol/messages.ts';
import { LinnetError } from '../protocol/errors.ts';
import { SAMPLING_DEFAULTS, type SamplingParameters } from '../protocol/generated.ts';
import { type PagePolicy, readPolicy } from '../page/page-policy.ts';
import { described, MOST_CHARACTERS, named, plain, setFields, type TextLimit, wrong } from '../protocol/plain.ts';
import { readSignal } from '../protocol/read-options.ts';
import { FORM_FIELDS, readFormFields } from './answer-form.ts';
import { readTemplateFields, TEMPLATE_FIELDS } from './template-fields.ts';

// Splits a request into what the engine gets and what the page handles. Unknown fields are rejected, since a caller who
// sets one relies on it. The engine checks the values of its own fields; here they are only turned into plain data.

/** A request that has been read. */
export interface Reading {
  /** The engine's fields. */
  fields: Record<string, unknown>;
  signal: AbortSignal | undefined;
  busy: WhenBusy;
  /** The parts of the page policy that the request overrides. */
  policy: Partial<PagePolicy>;
  stream: boolean;
  /** Whether chunks report how much of the prompt has been read. */
  progress: boolean;
  /**
   * Which chunk has `usage`: the last one of the answer (`end`), an extra one that follows it, as in OpenAI's API
   * (`own`), or none.
   */
  usage: 'end' | 'own' | 'none';
}

/** The field that holds the prompt: a conversation, or a text. */
export type Subject = 'messages' | 'prompt';

/** Who handles each field of both kinds of requests. A field of the types that is missing here does not compile. */
const HANDLERS: Record<
  Exclude<keyof RequestFields, 'prompt' | keyof SamplingParameters | keyof AnswerForm>,
  'engine' | 'page'
> = {
  max_tokens: 'engine',
  logit_bias: 'engine',
  seed: 'engine',
  stop: 'engine',
  ignore_eos: 'engine',
  max_completion_tokens: 'page',
  model: 'page',
  n: 'page',
  stream: 'page',
  stream_options: 'page',
  return_progress: 'page',
  signal: 'page',
  busy: 'page',
  when_hidden: 'page',
  keep_awake: 'page',
  pace: 'page',
  logprobs: 'page',
};
type RequestFields = CompletionRequest & UsageChoice;
const SHARED = [...Object.keys(HANDLERS), ...Object.keys(SAMPLING_DEFAULTS)];
/** The engine's fields, besides the {@link Subject}. */
const ENGINE = SHARED.filter((field) => HANDLERS[field as keyof typeof HANDLERS] !== 'page');
const POLICY_FIELDS = { whenHidden: 'when_hidden', keepAwake: 'keep_awake', pace: 'pace' };
/** Fields of chat requests only. */
const CHAT: readonly Exclude<keyof ChatRequest, keyof RequestFields | 'messages'>[] = [
  'top_logprobs',
  ...TEMPLATE_FIELDS,
];
/** The most characters of a token; the longest in known vocabularies have some hundreds, mostly spaces. */
const LONGEST_TOKEN = 1024;
/** The largest numbers of alternatives per token that OpenAI's API allows. */
const MOST_LOGPROBS = { messages: 20, prompt: 5 };

/**
 * Reads a request. `null` means "unset", as in OpenAI's API.
 *
 * @param names what the loaded model may be called
 * @param contextLength how many tokens it holds
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readRequest(
  subject: Subject,
  names: ReadonlySet<string>,
  request: unknown,
  contextLength = Infinity,
): Reading {
  const set = setFields(request, 'request');
  const known: string[] = [subject, ...SHARED, ...FORM_FIELDS, ...(subject === 'messages' ? CHAT : [])];
  for (const [field, value] of Object.entries(set)) {
    if (!known.includes(field)) throw wrong(field, value, 'is not supported', { known });
  }
  const {
    stream = false,
    stream_options: options,
    return_progress: progress = false,
    n = 1,
    model,
    busy,
    signal,
  } = set;
  if (typeof stream !== 'boolean') throw wrong('stream', stream, `is ${described(stream)}, but must be true or false`);
  if (typeof progress !== 'boolean')
    throw wrong('return_progress', progress, `is ${described(progress)}, but must be true or false`);
  if (progress && !stream) throw wrong('return_progress', progress, 'requires `stream: true`');
  if (n !== 1) throw wrong('n', n, `is ${named(n)}, but must be 1: a request gets one answer`);
  if (model !== undefined && !names.has(model as string))
    throw wrong('model', model, `is ${named(model)}, but must be the loaded model: ${[...names].join(' or ')}`, {
      known: [...names],
    });
  const whenBusy = readBusy(busy);
  const listened = readSignal(signal);

  const fields = Object.fromEntries(
    [subject, ...ENGINE]
      .filter((field) => field in set)
      .map((field) => {
        return [
          field,
          field === subject ? plain(set[field], field, promptLimit(contextLength)) : plain(set[field], field),
        ];
      }),
  );
  Object.assign(fields, readFormFields(set));
  if (subject === 'messages') Object.assign(fields, readTemplateFields(set));
  const likeliest = subject === 'messages' ? ofChat(set) : ofText(set['logprobs']);
  if (likeliest !== undefined) fields['logprobs'] = likeliest;
  const { max_completion_tokens: most } = set;
  if (most !== undefined) {
    if (fields['max_tokens'] !== undefined && fields['max_tokens'] !== most) {
      throw wrong('max_completion_tokens', most, 'conflicts with `max_tokens`: set one of them', {
        max_tokens: fields['max_tokens'],
      });
    }
    fields['max_tokens'] = plain(most, 'max_completion_tokens');
  }
  return {
    fields,
    signal: listened,
    busy: whenBusy,
    policy: readPolicy(set, POLICY_FIELDS),
    stream,
    progress,
    usage: usageOf(options, stream),
  };
}

/** What happens if the engine is busy. @throws LinnetError `invalid-request` */
export function readBusy(busy: unknown = 'queue'): WhenBusy {
  if (busy === 'queue' || busy === 'refuse') return busy;
  throw wrong('busy', busy, `is ${named(busy)}, but must be "queue" or "refuse"`, { known: ['queue', 'refuse'] });
}

/** Reads a request to count tokens. @throws LinnetError `invalid-request`, with `details.field` */
export function readCount(request: CountRequest): object {
  const set = setFields(request, 'request');
  const others: readonly string[] = 'messages' in set ? [...TEMPLATE_FIELDS, ...FORM_FIELDS] : [];
  const known = ['messages', 'prompt', ...others];
  const prompt = Object.entries(set).flatMap(([field, value]) => {
    if (!known.includes(field)) throw wrong(field, value, 'is not supported', { known });
    return others.includes(field) ? [] : [[field, plain(value, field, promptLimit(Infinity))]];
  });
  return { ...Object.fromEntries(prompt), ...readFormFields(set), ...readTemplateFields(set) };
}

/** Reads a request for suggestions. @throws LinnetError `invalid-request`, with `details.field` */
export function readSuggest(
  request: SuggestRequest,
  contextLength = Infinity,
): { fields: object; signal: AbortSignal | undefined } {
  const { prefix, words = 3, within, signal, ...others } = setFields(request, 'request');
  for (const [field, value] of Object.entries(others))
    throw wrong(field, value, 'is not supported', { known: ['prefix', 'words', 'within', 'signal'] });
  if (typeof prefix !== 'string') throw wrong('prefix', prefix, `is ${described(prefix)}, but must be a string`);
  if (!isWhole(words, 1, 10))
    throw wrong('words', words, `is ${named(words)}, but must be a whole number from 1 to 10`);
  if (within !== undefined && !(typeof within === 'number' && within >= 0 && within < Infinity))
    throw wrong('within', within, `is ${named(within)}, but must be a number of milliseconds`);
  const listened = readSignal(signal);
  return {
    fields: {
      prefix: plain(prefix, 'prefix', promptLimit(contextLength)),
      words,
      ...(within === undefined ? {} : { within }),
    },
    signal: listened,
  };
}

/**
 * The number of alternatives per token that a chat request asks for; `undefined` if it asks for no log probabilities.
 */
function ofChat({ logprobs, top_logprobs: top }: Record<string, unknown>): number | undefined {
  if (logprobs !== undefined && typeof logprobs !== 'boolean')
    throw wrong('logprobs', logprobs, 'must be true or false; `top_logprobs` says how many');
  if (top !== undefined && !isWhole(top, 0, MOST_LOGPROBS.messages))
    throw wrong('top_logprobs', top, `must be a whole number from 0 to ${MOST_LOGPROBS.messages}`);
  if (top !== undefined && !logprobs) throw wrong('top_logprobs', top, 'requires `logprobs: true`');
  return logprobs ? ((top as number | undefined) ?? 0) : undefined;
}

/** The same for a completion request. */
function ofText(logprobs: unknown): number | undefined {
  if (logprobs !== undefined && !isWhole(logprobs, 0, MOST_LOGPROBS.prompt))
    throw wrong('logprobs', logprobs, `must be a whole number from 0 to ${MOST_LOGPROBS.prompt}`);
  return logprobs as number | undefined;
}

/**
 * Rejects a prompt that cannot fit, before the page and the worker copy it. No vocabulary has a token longer than
 * {@link LONGEST_TOKEN} characters; the engine counts the tokens of shorter prompts.
 */
export function promptLimit(contextLength: number): TextLimit {
  const characters = Math.min(contextLength * LONGEST_TOKEN, MOST_CHARACTERS);
  const context = contextLength === Infinity ? {} : { context_length: contextLength };
  const refuse = (found: number) => {
    const holds =
      contextLength === Infinity ? `at most ${characters} can be read` : `the context holds ${contextLength} tokens`;
    const text = `The prompt has at least ${found} characters, but ${holds}. Shorten it.`;
    return new LinnetError('context-full', text, { characters: found, limit_characters: characters, ...context });
  };
  return { characters, refuse };
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function usageOf(options: unknown, stream: boolean): Reading['usage'] {
  if (options === undefined) return 'end';
  if (!stream) throw wrong('stream_options', options, 'requires `stream: true`');
  const { include_usage: own, ...others } = setFields(options, 'stream_options');
  for (const [field, value] of Object.entries(others))
    throw wrong(`stream_options.${field}`, value, 'is not supported', { known: ['include_usage'] });
  if (own === undefined) return 'end';
  if (typeof own !== 'boolean') throw wrong('stream_options.include_usage', own, 'must be true or false');
  return own ? 'own' : 'none';
}
