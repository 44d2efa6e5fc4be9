import { LinnetError } from '../../index.ts';
import { tellOwner } from './attributes.ts';
import type { ChatStrings } from './button-strings.ts';
import { fill } from './strings.ts';

/** Failures that another try does not end: the site's owner has to. */
const NOT_AVAILABLE = new Set(['invalid-request', 'bad-template']);
/** Failures that the owner may be able to end: the console names them. */
const OF_THE_SITE = new Set(['bad-model', 'not-found', 'blocked', 'internal', 'unsupported-architecture', 'unsupported-quantization', 'unsupported-tokenizer']);

/** What a server's failures are; those of a model's download are mostly the visitor's network. */
const OF_A_SERVER = new Set(['network', 'http']);

/** Servers, by their hosts, that have to do with a failure. */
export interface Involved {
  /** It has failed. */
  failed?: string | undefined;
  /** A part of its answer has come. */
  begun?: boolean;
  /** It could answer instead. */
  instead?: string | undefined;
}

/** What the person is told of a failure, and whether they can try again. The owner of the site is told in the console. */
export function explain(error: LinnetError, strings: ChatStrings, { failed, begun = false, instead }: Involved): { text: string; again: boolean } {
  const { code, message } = error;
  const fatal = NOT_AVAILABLE.has(code);
  if (fatal || OF_THE_SITE.has(code)) tellOwner({ text: `${message} (${code})`, fatal });
  else if (failed && OF_A_SERVER.has(code)) tellOwner({ text: `the endpoint ${failed} failed: ${message} (${code})`, fatal });
  if (fatal) return { text: strings.unavailable, again: false };
  const what = failed && code !== 'context-full' ? fill(begun ? strings.serverBroke : strings.serverFailed, { host: failed }) : reasonOf(error, strings);
  return { text: instead ? `${what} ${fill(strings.serverCan, { host: instead })}` : what, again: true };
}

/** Why this device could not answer. */
function reasonOf({ code, details }: LinnetError, { errors, failed }: ChatStrings): string {
  // The words for a code are about the model, and not about a file of the package that the site does not serve.
  const unserved = details['part'] === 'engine' && code !== 'network';
  return unserved ? failed : (errors[code] ?? failed);
}

/** What was thrown, with a code. */
export function asLinnetError(thrown: unknown): LinnetError {
  return thrown instanceof LinnetError ? thrown : new LinnetError('internal', String(thrown));
}

/** Whether a failure is the same wherever the question is answered. */
export function isOfTheQuestion({ code }: LinnetError): boolean {
  return code === 'context-full' || code === 'invalid-request';
}
