import { thrownMessage } from '../protocol/errors.ts';

// What each chat of the package does with a model's tool calls, and what replaces results and answers that are missing.

/** The result of a call that has none because the answer was stopped or broke off. */
export const INCOMPLETE = 'The answer ended before this call was complete.';
/** The result of a call that the page has not answered. */
export const NO_RESULT = 'No result was given.';
/** Stands for the answer that did not follow the results of tools: many templates expect one. */
export const NO_ANSWER = '(no answer)';

/** A call's arguments; `undefined` if they are not a JSON object. No arguments at all are an empty object. */
export function argumentsOf(text: string): Record<string, unknown> | undefined {
  if (!text.trim()) return {};
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What the model gets of a tool's result: a text, or JSON.
 *
 * @throws TypeError for a value that JSON cannot express
 */
export function resultText(value: unknown): string {
  // `undefined`, functions and symbols have no JSON.
  return typeof value === 'string' ? value : ((JSON.stringify(value) as string | undefined) ?? 'Done.');
}

/** What the model gets of a tool's exception, which may be anything. */
export function toolFailure(error: unknown): string {
  return thrownMessage(error, 'the tool failed');
}
