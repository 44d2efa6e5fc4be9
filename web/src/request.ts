import type { WhenBusy } from './api.ts';
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
  'max_tokens', 'temperature', 'top_p', 'top_k', 'min_p', 'repetition_penalty', 'presence_penalty', 'frequency_penalty', 'seed', 'stop', 'ignore_eos',
];
/** What is honoured here. */
const PAGE = ['max_completion_tokens', 'model', 'n', 'stream', 'stream_options', 'return_progress', 'signal', 'busy', 'when_hidden', 'keep_awake', 'pace'];
const MANNERS = { whenHidden: 'when_hidden', keepAwake: 'keep_awake', pace: 'pace' };

/**
 * Takes a request apart. `null` stands for "unset", as in OpenAI's API.
 *
 * @param names what the loaded model may be called
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readRequest(subject: Subject, names: ReadonlySet<string>, request: object): Reading {
  const set: Record<string, unknown> = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== null && value !== undefined));
  const known = [subject, ...ENGINE, ...PAGE];
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
  const { max_completion_tokens: most } = set;
  if (most !== undefined) {
    if (fields['max_tokens'] !== undefined && fields['max_tokens'] !== most) {
      throw wrong('max_completion_tokens', most, 'is another name of `max_tokens`, and differs from it', { max_tokens: fields['max_tokens'] });
    }
    fields['max_tokens'] = most;
  }
  return { fields, signal: signal as AbortSignal | undefined, busy, manners: readManners(set, MANNERS), stream, progress, usage: usageOf(options, stream) };
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
