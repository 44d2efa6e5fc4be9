import type { AnswerForm } from '../api/form-types.ts';
import { notSupported } from './exceptions.ts';
import type { PromptOptions } from './options.ts';

/**
 * The form of an answer that the options of a prompt ask for, read at once; `undefined` if the answer is free.
 *
 * @throws TypeError for `omitResponseConstraintInput` without a constraint, and for an object that is not a schema.
 * Exceptions of a schema's getters are thrown as they are
 * @throws DOMException `NotSupportedError` for a schema that JSON cannot express, as in Chrome
 */
export function formOf({ constraint, omitConstraint }: PromptOptions): AnswerForm | undefined {
  if (!constraint) {
    if (omitConstraint) throw new TypeError('omitResponseConstraintInput has no effect without responseConstraint.');
    return undefined;
  }
  if (isRegExp(constraint)) return { regex: { pattern: constraint.source, flags: constraint.flags } };
  const schema = plainCopy(constraint);
  if (!schema || typeof schema !== 'object' || Array.isArray(schema))
    throw new TypeError('responseConstraint must be a JSON schema or a regular expression.');
  const form: AnswerForm = { response_format: { type: 'json_schema', json_schema: { schema } } };
  return omitConstraint ? { ...form, show_schema: false } : form;
}

/** Also one of another frame. */
function isRegExp(value: object): value is RegExp {
  return Object.prototype.toString.call(value) === '[object RegExp]';
}

function plainCopy(value: object): Record<string, unknown> | null | undefined {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown> | null);
  } catch (error) {
    // For a BigInt, and for an object that contains itself.
    if (error instanceof TypeError) throw notSupported('A responseConstraint that JSON cannot express');
    throw error;
  }
}
