import { LinnetError } from '../../index.ts';
import { tellOwner } from './attributes.ts';
import type { ChatStrings } from './button-strings.ts';
import { fill } from './strings.ts';

/** Failures that only the site's owner can fix. */
const NOT_AVAILABLE = new Set(['invalid-request', 'bad-constraint', 'bad-template']);
/** Failures that the owner may be able to fix: the console names them. */
const OF_THE_SITE = new Set([
  'bad-model',
  'not-found',
  'blocked',
  'internal',
  'unsupported-architecture',
  'unsupported-quantization',
  'unsupported-tokenizer',
]);

/** Failures of a server. For a model's download these are mostly the visitor's network. */
const OF_A_SERVER = new Set(['network', 'http']);

/** The servers involved in a failure, by host. */
export interface Involved {
  /** The server that failed. */
  failed?: string | undefined;
  /** Whether a part of its answer has arrived. */
  begun?: boolean;
  /** The server that could answer instead. */
  instead?: string | undefined;
}

/** The message about a failure for the person, and whether they can retry. The console tells the site's owner. */
export function explain(
  error: LinnetError,
  strings: ChatStrings,
  { failed, begun = false, instead }: Involved,
): { text: string; again: boolean } {
  const { code, message } = error;
  const fatal = NOT_AVAILABLE.has(code);
  if (fatal || OF_THE_SITE.has(code)) tellOwner({ text: `${message} (${code})`, fatal });
  else if (failed && OF_A_SERVER.has(code))
    tellOwner({ text: `the endpoint ${failed} failed: ${message} (${code})`, fatal });
  if (fatal) return { text: strings.unavailable, again: false };
  const what =
    failed && code !== 'context-full'
      ? fill(begun ? strings.serverBroke : strings.serverFailed, { host: failed })
      : reasonOf(error, strings);
  return { text: instead ? `${what} ${fill(strings.serverCan, { host: instead })}` : what, again: true };
}

/** Why this device could not answer. */
function reasonOf({ code, details }: LinnetError, { errors, failed }: ChatStrings): string {
  // The texts for the codes are about the model, not about a missing file of the package.
  const unserved = details['part'] === 'engine' && code !== 'network';
  return unserved ? failed : (errors[code] ?? failed);
}

/** Turns anything thrown into a LinnetError. */
export function asLinnetError(thrown: unknown): LinnetError {
  return thrown instanceof LinnetError ? thrown : new LinnetError('internal', String(thrown));
}

/** Whether the question itself causes the failure, so that no other engine could answer it. */
export function isOfTheQuestion({ code }: LinnetError): boolean {
  return code === 'context-full' || code === 'invalid-request';
}
