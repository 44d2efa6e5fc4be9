import type { AnswerForm } from './form-types.ts';
import { described, plain, reading } from '../protocol/plain.ts';

// The fields of a request that give the answer a form. Here they become plain data; the engine checks the values.

const FIELDS: Record<keyof AnswerForm, true> = {
  response_format: true,
  regex: true,
  grammar: true,
  choices: true,
  show_schema: true,
};

/** Their names. */
export const FORM_FIELDS = Object.keys(FIELDS) as (keyof AnswerForm)[];

/**
 * Copies these fields of a request.
 *
 * @param set the fields of the request that are set
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readFormFields(set: Record<string, unknown>): Record<string, unknown> {
  const given = FORM_FIELDS.filter((field) => field in set);
  const entries = given.map((field) => {
    const value = field === 'regex' ? expressionOf(set[field], field) : set[field];
    return [field, plain(value, field)];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** The pattern and flags of a RegExp, possibly of another frame. Other values stay as they are. */
function expressionOf(value: unknown, field: string): unknown {
  if (described(value) !== 'an object of the kind RegExp') return value;
  const read = () => {
    const { source: pattern, flags } = value as RegExp;
    return { pattern, flags };
  };
  return reading(() => field, read);
}
