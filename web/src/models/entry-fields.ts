import { SAMPLING_DEFAULTS } from '../protocol/generated.ts';
import { named, wrong } from '../protocol/plain.ts';

// Checks the fields of a site's entry that describe the model, so that a mistake is found when the entry is read, and
// not at a visitor's first question.

/** A check of a value, and what it must be. */
interface Rule {
  is(value: unknown): boolean;
  words: string;
}

const TAG = /^[a-z]{2,8}(-[a-z0-9]{1,8})*$/i;
const TEXT: Rule = { is: (value) => typeof value === 'string' && value.trim() !== '', words: 'a non-empty string' };
const FLAG: Rule = { is: (value) => typeof value === 'boolean', words: 'true or false' };
const COUNT: Rule = {
  is: (value) => Number.isSafeInteger(value) && (value as number) > 0,
  words: 'a whole number above 0',
};
// The engine knows the range of each.
const NUMBER: Rule = { is: (value) => Number.isFinite(value), words: 'a number' };
const LANGUAGE: Rule = {
  is: (value) => typeof value === 'string' && TAG.test(value),
  words: 'a language tag such as "en"',
};

function oneOf(...known: string[]): Rule {
  const quoted = known.map((word) => `"${word}"`);
  const words = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  return { is: (value) => known.includes(value as string), words };
}

const RULES = {
  name: TEXT,
  tier: oneOf('phone', 'gpu'),
  license: TEXT,
  parameters: COUNT,
  context: COUNT,
  tested: FLAG,
};
const MEMORY = { kvPerToken: COUNT, largestTensor: COUNT };
const TEMPLATE = { system: FLAG, reasoning: oneOf('none', 'optional', 'always'), thinks: FLAG, tools: FLAG };
const SAMPLING = Object.fromEntries(Object.keys(SAMPLING_DEFAULTS).map((name) => [name, NUMBER]));
/** Fields of files that are not checked elsewhere. */
export const FILE_RULES = { name: TEXT, approxBytes: COUNT };

/**
 * The fields that describe the model, with those that are unknown filled in.
 *
 * @param fields plain data
 * @throws LinnetError `invalid-request`, with the field that is wrong
 */
export function describedBy(fields: Record<string, unknown>, id: string): object {
  const { memory, template, sampling, languages = [], ...others } = known(fields);
  checkFields(others, RULES, '', id);
  if (!Array.isArray(languages))
    throw wrong('languages', languages, `is ${named(languages)}, but must be a list of language tags`, { model: id });
  for (const [index, tag] of languages.entries()) check(tag, LANGUAGE, `languages[${index}]`, id);
  return {
    name: id,
    tier: 'phone',
    license: null,
    parameters: null,
    context: null,
    tested: false,
    ...others,
    languages,
    memory: { kvPerToken: null, ...group(memory, MEMORY, 'memory', id) },
    template: {
      system: true,
      reasoning: 'none',
      thinks: false,
      tools: false,
      ...group(template, TEMPLATE, 'template', id),
    },
    sampling: sampling === undefined ? null : group(sampling, SAMPLING, 'sampling', id, true),
  };
}

/** Checks the fields of an object that have a rule. */
export function checkFields(fields: object, rules: Record<string, Rule>, place: string, model: string): void {
  for (const [name, value] of Object.entries(known(fields)))
    if (Object.hasOwn(rules, name)) check(value, rules[name]!, `${place}${name}`, model);
}

/** @param closed whether fields without a rule are a mistake */
function group(value: unknown, rules: Record<string, Rule>, place: string, model: string, closed = false): object {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(place, value, `is ${named(value)}, but must be an object`, { model });
  const fields = known(value);
  for (const [name, held] of Object.entries(fields)) {
    if (closed && !Object.hasOwn(rules, name))
      throw wrong(`${place}.${name}`, held, `is unknown: use ${Object.keys(rules).join(', ')}`, { model });
  }
  checkFields(fields, rules, `${place}.`, model);
  return fields;
}

function check(value: unknown, { is, words }: Rule, field: string, model: string): void {
  if (is(value)) return;
  throw wrong(field, value, `is ${named(value)}, but must be ${words}`, { model });
}

/** The fields that are set: null means unknown. */
export function known<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  ) as Partial<T>;
}
