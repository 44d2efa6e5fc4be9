// The form that a request gives its answer. Reasoning before the answer is free, and the model may call a tool instead.

/** A JSON schema: draft 2020-12, or draft 7 if `$schema` says so. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A schema with its name, as in OpenAI's API. */
export interface NamedSchema {
  /** Names the answer for the model. */
  name?: string | null;
  /** Says for the model what the answer is. */
  description?: string | null;
  /** By default any JSON is valid. */
  schema?: JsonSchema | null;
  /** Accepted for OpenAI's clients: the answer always fits the schema. */
  strict?: boolean | null;
}

/**
 * The format of the answer, as in OpenAI's API:
 * - `text`: free, the default
 * - `json_object`: any JSON object, or, as in llama.cpp's server, what is valid by `schema`
 * - `json_schema`: JSON that is valid by the schema, with properties in its order
 */
export type ResponseFormat =
  | { type: 'text' }
  | { type: 'json_object'; schema?: JsonSchema | null }
  | { type: 'json_schema'; json_schema: NamedSchema };

/** The form that an answer must have. A request may set one of the first four fields. */
export interface AnswerForm {
  /** Text, a JSON object, or JSON of a schema. */
  response_format?: ResponseFormat | null;
  /** The answer matches this regular expression as a whole. Flags with an effect are `i`, `s` and `u`. */
  regex?: RegExp | string | { pattern: string; flags?: string | null } | null;
  /** The answer is a text of this grammar; a string is GBNF, as in llama.cpp. */
  grammar?: string | { syntax: 'gbnf' | 'lark'; grammar: string } | null;
  /** The answer is one of these texts; at most 10,000. */
  choices?: readonly string[] | null;
  /** Whether the prompt of a chat includes the schema; `true` by default. */
  show_schema?: boolean | null;
}
