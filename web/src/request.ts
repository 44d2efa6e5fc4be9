import type { CountRequest, SuggestRequest, WhenBusy } from './api.ts';
import { LinnetError } from './errors.ts';
import { type PageManners, readManners } from './manners.ts';

// What of a request is for the engine, and what is for the page. Fields that nobody honours are refused: whoever sets one counts on it.

/** A request, taken apart. */
export interface Reading {
  /** What the engine gets. */
  fields: Record<string, unknown>;
  signal: AbortSignal | undefined;
  busy: WhenBusy;
  /** What it says of the manners; the rest is as the engine was loaded. */
  manners: Partial<PageManners>;
  stream: boolean;
  /** Whether chunks shall tell how much of the prompt has been read. */
  progress: boolean;
  /** Which chunk has `usage`: the one that ends the answer, one of its own behind it, as OpenAI's API has it, or none. */
  usage: 'end' | 'own' | 'none';
}

/** The field that holds what is asked: a conversation, or a text. */
export type Subject = 'messages' | 'prompt';

/** What the engine understands beside the {@link Subject}. It checks types and ranges. */
const ENGINE = [
  'max_tokens', 'temperature', 'top_p', 'top_k', 'min_p', 'repetition_penalty', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'seed', 'stop',
  'ignore_eos',
];
/** What is honoured here. */
const PAGE = [
  'max_completion_tokens', 'model', 'n', 'stream', 'stream_options', 'return_progress', 'signal', 'busy', 'when_hidden', 'keep_awake', 'pace', 'logprobs',
];
const MANNERS = { whenHidden: 'when_hidden', keepAwake: 'keep_awake', pace: 'pace' };
/** What only chats have. */
const CHAT = ['top_logprobs'];
/** How many of the likeliest tokens may be asked for. */
const MOST_LOGPROBS = { messages: 20, prompt: 5 };
/** What may be added to a logit, and taken from it. */
const MOST_BIAS = 100;

/**
 * Takes a request apart. `null` stands for "unset", as in OpenAI's API.
 *
 * @param names what the loaded model may be called
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readRequest(subject: Subject, names: ReadonlySet<string>, request: object): Reading {
  const set: Record<string, unknown> = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== null && value !== undefined));
  const known = [subject, ...ENGINE, ...PAGE, ...(subject === 'messages' ? CHAT : [])];
  for (const [field, value] of Object.entries(set)) {
    if (!known.includes(field)) throw wrong(field, value, 'is not supported', { known });
  }
  const { stream = false, stream_options: options, return_progress: progress = false, n = 1, model, busy = 'queue', signal } = set;
  if (typeof stream !== 'boolean') throw wrong('stream', stream, 'must be true or false');
  if (typeof progress !== 'boolean') throw wrong('return_progress', progress, 'must be true or false');
  if (progress && !stream) throw wrong('return_progress', progress, 'goes with `stream` only');
  if (n !== 1) throw wrong('n', n, 'must be 1: there is one answer to a request');
  if (model !== undefined && !names.has(model as string)) throw wrong('model', model, 'is not the one that is loaded', { known: [...names] });
  if (busy !== 'queue' && busy !== 'refuse') throw wrong('busy', busy, 'must be `queue` or `refuse`');
  if (signal !== undefined && typeof (signal as AbortSignal).addEventListener !== 'function') throw wrong('signal', String(signal), 'must be an AbortSignal');

  const fields = Object.fromEntries([subject, ...ENGINE].filter((field) => field in set).map((field) => [field, set[field]]));
  checkBias(set['logit_bias']);
  const likeliest = subject === 'messages' ? ofChat(set) : ofText(set['logprobs']);
  if (likeliest !== undefined) fields['logprobs'] = likeliest;
  const { max_completion_tokens: most } = set;
  if (most !== undefined) {
    if (fields['max_tokens'] !== undefined && fields['max_tokens'] !== most) {
      throw wrong('max_completion_tokens', most, 'is another name of `max_tokens`, and differs from it', { max_tokens: fields['max_tokens'] });
    }
    fields['max_tokens'] = most;
  }
  return { fields, signal: signal as AbortSignal | undefined, busy, manners: readManners(set, MANNERS), stream, progress, usage: usageOf(options, stream) };
}

/**
 * What the engine gets to count a prompt's tokens.
 *
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readCount(request: CountRequest): object {
  for (const [field, value] of Object.entries(request)) {
    if (field !== 'messages' && field !== 'prompt') throw wrong(field, value, 'is not supported', { known: ['messages', 'prompt'] });
  }
  return request;
}

/**
 * A wish for words, taken apart.
 *
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readSuggest({ prefix, words = 3, within, signal, ...others }: SuggestRequest): { fields: object; signal: AbortSignal | undefined } {
  for (const [field, value] of Object.entries(others)) {
    if (value !== undefined) throw wrong(field, value, 'is not supported', { known: ['prefix', 'words', 'within', 'signal'] });
  }
  if (typeof prefix !== 'string') throw wrong('prefix', prefix, 'must be a text');
  if (!isWhole(words, 1, 10)) throw wrong('words', words, 'must be a whole number from 1 to 10');
  if (within !== undefined && !(typeof within === 'number' && within >= 0 && within < Infinity)) throw wrong('within', within, 'must be a number of milliseconds');
  return { fields: { prefix, words, ...(within === undefined ? {} : { within }) }, signal };
}

/** How many of the likeliest tokens a chat wants to hear of; `undefined` if it wants no probabilities. */
function ofChat({ logprobs, top_logprobs: top }: Record<string, unknown>): number | undefined {
  if (logprobs !== undefined && typeof logprobs !== 'boolean') throw wrong('logprobs', logprobs, 'must be true or false; `top_logprobs` says how many');
  if (top !== undefined && !isWhole(top, 0, MOST_LOGPROBS.messages)) throw wrong('top_logprobs', top, `must be a whole number from 0 to ${MOST_LOGPROBS.messages}`);
  if (top !== undefined && !logprobs) throw wrong('top_logprobs', top, 'goes with `logprobs: true` only');
  return logprobs ? ((top as number | undefined) ?? 0) : undefined;
}

/** The same of a continuation. */
function ofText(logprobs: unknown): number | undefined {
  if (logprobs !== undefined && !isWhole(logprobs, 0, MOST_LOGPROBS.prompt)) throw wrong('logprobs', logprobs, `must be a whole number from 0 to ${MOST_LOGPROBS.prompt}`);
  return logprobs as number | undefined;
}

function checkBias(bias: unknown): void {
  if (bias === undefined) return;
  if (typeof bias !== 'object' || Array.isArray(bias)) throw wrong('logit_bias', bias, 'must be an object of token ids and numbers');
  for (const [token, added] of Object.entries(bias as object)) {
    const field = `logit_bias.${token}`;
    if (!/^\d{1,9}$/.test(token)) throw wrong(field, added, 'is not of a token id, which is a whole number');
    if (!(typeof added === 'number' && Math.abs(added) <= MOST_BIAS)) throw wrong(field, added, `must be a number from -${MOST_BIAS} to ${MOST_BIAS}`);
  }
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function usageOf(options: unknown, stream: boolean): Reading['usage'] {
  if (options === undefined) return 'end';
  if (!stream) throw wrong('stream_options', options, 'goes with `stream` only');
  if (typeof options !== 'object') throw wrong('stream_options', options, 'must be an object');
  const { include_usage: own, ...others } = options as Record<string, unknown>;
  for (const [field, value] of Object.entries(others)) {
    if (value !== undefined && value !== null) throw wrong(`stream_options.${field}`, value, 'is not supported', { known: ['include_usage'] });
  }
  if (own === undefined || own === null) return 'end';
  if (typeof own !== 'boolean') throw wrong('stream_options.include_usage', own, 'must be true or false');
  return own ? 'own' : 'none';
}

function wrong(field: string, value: unknown, rule: string, more: object = {}): LinnetError {
  return new LinnetError('invalid-request', `\`${field}\` ${rule}.`, { field, value, ...more });
}
