import type { TemplateField } from './types.ts';
import { described, named, plain, wrong } from '../protocol/plain.ts';

// The fields of a chat request that its template gets besides the messages. Their values are copied, and checked as far
// as the page needs to name a wrong one by its path; the engine checks the rest.

type Fields = Record<string, unknown>;

/** What reads each field from its copy. */
const READERS: Record<TemplateField, (value: unknown, field: string, fields: Fields) => void> = {
  tools: checkTools,
  tool_choice: checkChoice,
  parallel_tool_calls: checkBoolean,
  reasoning_effort: (value, field) => oneOf(value, field, ['none', 'minimal', 'low', 'medium', 'high']),
  enable_thinking: checkBoolean,
  chat_template_kwargs: fieldsOf,
  documents: (value, field) => each(value, field, fieldsOf),
};

/** Their names. */
export const TEMPLATE_FIELDS = Object.keys(READERS) as TemplateField[];

/**
 * Copies the template's fields of a request.
 *
 * @param set the fields of the request that are set
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function readTemplateFields(set: Fields): Fields {
  const given = TEMPLATE_FIELDS.filter((field) => field in set);
  const fields: Fields = Object.fromEntries(given.map((field) => [field, plain(set[field], field)]));
  for (const field of given) READERS[field](fields[field], field, fields);
  return fields;
}

function checkTools(value: unknown, field: string): void {
  const names = new Set<unknown>();
  each(value, field, (tool, path) => {
    const name = nameIn(tool, path);
    if (names.has(name)) throw wrong(`${path}.function.name`, name, `is ${named(name)}, which names two tools`);
    names.add(name);
  });
}

function checkChoice(value: unknown, field: string, { tools }: Fields): void {
  const names = ((tools ?? []) as { function: Fields }[]).map((tool) => tool.function['name']);
  const checkName = (tool: unknown, path: string) => {
    const name = nameIn(tool, path);
    if (!names.includes(name))
      throw wrong(`${path}.function.name`, name, `is ${named(name)}, which is not in \`tools\``, { known: names });
  };
  if (typeof value !== 'object') {
    oneOf(value, field, ['none', 'auto', 'required']);
    if (value === 'required' && names.length === 0)
      throw wrong(field, value, 'is "required", but there are no `tools`');
    return;
  }
  const choice = fieldsOf(value, field);
  if (choice['type'] !== 'allowed_tools') return checkName(choice, field);
  const path = `${field}.allowed_tools`;
  const allowed = fieldsOf(choice['allowed_tools'], path);
  oneOf(allowed['mode'], `${path}.mode`, ['auto', 'required']);
  each(allowed['tools'], `${path}.tools`, checkName);
}

/** The name in `{ type: 'function', function: { name } }`. */
function nameIn(tool: unknown, path: string): string {
  const { type, function: called } = fieldsOf(tool, path);
  oneOf(type, `${path}.type`, ['function']);
  const { name } = fieldsOf(called, `${path}.function`);
  if (typeof name !== 'string' || name === '')
    throw wrong(`${path}.function.name`, name, `is ${named(name)}, but must be a name`);
  return name;
}

function checkBoolean(value: unknown, field: string): void {
  if (typeof value !== 'boolean') throw wrong(field, value, `is ${described(value)}, but must be true or false`);
}

function oneOf(value: unknown, field: string, known: string[]): void {
  if (known.includes(value as string)) return;
  throw wrong(field, value, `is ${named(value)}, but must be ${known.map(named).join(' or ')}`, { known });
}

function fieldsOf(value: unknown, field: string): Fields {
  if (described(value) !== 'an object') throw wrong(field, value, `is ${described(value)}, but must be an object`);
  return value as Fields;
}

function each(value: unknown, field: string, check: (element: unknown, path: string) => void): void {
  if (!Array.isArray(value)) throw wrong(field, value, `is ${described(value)}, but must be an array`);
  for (const [index, element] of value.entries()) check(element, `${field}[${index}]`);
}
