import type { ChatTool, ChatToolCall, ChatToolResult } from '../api/chat-types.ts';
import { argumentsOf, resultText, toolFailure } from '../api/tool-calls.ts';
import { LanguageModelToolCall } from './tool-values.ts';
import { dictionary, isObject, required, sequence, string } from './webidl.ts';

/** A tool, as the page passes it. */
export interface LanguageModelTool {
  /** The name that the model writes to call it. */
  name: string;
  /** What it does and when to call it, for the model. */
  description: string;
  /** The JSON schema of its arguments, with `type: 'object'`. */
  inputSchema: object;
  /**
   * Runs the tool with the arguments that the model wrote, which may not match the schema. The model gets the result as
   * text; anything but a string is written as JSON. Without it, the calls are returned to the page.
   */
  execute?(args: object): unknown;
}

/** A tool with members of the right types. */
export interface ConvertedTool {
  name: string;
  description: string;
  inputSchema: object;
  execute: ((args: object) => unknown) | undefined;
}

/** The tools of a session. */
export interface SessionTools {
  /** What the model gets; `undefined` without tools. */
  declared: readonly ChatTool[] | undefined;
  /** The function of each tool; `undefined` for tools whose calls are returned to the page. */
  functions: ReadonlyMap<string, ConvertedTool['execute']>;
}

/** Converts a list of tools. */
export function convertTools(value: unknown): ConvertedTool[] {
  return value === undefined ? [] : sequence(value, 'tools', convertTool);
}

function convertTool(value: unknown): ConvertedTool {
  const members = dictionary(value, 'A tool');
  const description = string(required(members, 'description', 'A tool'));
  const { execute } = members;
  if (execute !== undefined && typeof execute !== 'function') throw new TypeError('execute must be a function.');
  const inputSchema = required(members, 'inputSchema', 'A tool');
  if (!isObject(inputSchema)) throw new TypeError('The inputSchema of a tool must be an object.');
  const name = string(required(members, 'name', 'A tool'));
  return { name, description, inputSchema, execute: execute as ConvertedTool['execute'] };
}

/**
 * Checks the tools of a session by the rules of the specification. Exceptions of a schema's getters are thrown as they
 * are.
 *
 * @param returnsCalls whether the page expects calls as output
 * @throws TypeError for names, descriptions or schemas that are not allowed, and for a tool that the page runs itself
 * although it does not expect calls
 */
export function validateTools(tools: readonly ConvertedTool[], returnsCalls: boolean): SessionTools {
  const functions = new Map<string, ConvertedTool['execute']>();
  const declared = tools.map(({ name, description, inputSchema, execute }): ChatTool => {
    if (name === '' || description === '') throw new TypeError('A tool must have a name and a description.');
    if (functions.has(name)) throw new TypeError(`Two tools have the name "${name}".`);
    if (!execute && !returnsCalls)
      throw new TypeError('Tools without execute need the type "tool-call" in expectedOutputs.');
    functions.set(name, execute);
    return { type: 'function', function: { name, description, parameters: schemaOf(inputSchema, name) } };
  });
  return { declared: declared.length > 0 ? declared : undefined, functions };
}

function schemaOf(schema: object, name: string): Record<string, unknown> {
  const { type, properties, required: names } = schema as Record<string, unknown>;
  const valid =
    type === 'object' &&
    (properties === undefined || isObject(properties)) &&
    (names === undefined || Array.isArray(names));
  // This throws a TypeError for a schema that contains itself.
  const text = JSON.stringify(schema) as string | undefined;
  if (!valid || text === undefined)
    throw new TypeError(`The inputSchema of the tool "${name}" must describe an object.`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** What becomes of the calls in an answer. */
export interface CallOutcome {
  /** The results of the tools that were run; errors of calls that are wrong count as results. */
  results: ChatToolResult[];
  /** The calls that the page runs. */
  open: LanguageModelToolCall[];
}

/**
 * Runs the tools that an answer calls, all at the same time. The model is told about failures: it can try again, or
 * answer without the tool.
 */
export async function runCalls(calls: readonly ChatToolCall[], { functions }: SessionTools): Promise<CallOutcome> {
  const outcomes = await Promise.all(
    calls.map(async ({ id, function: { name, arguments: text } }): Promise<LanguageModelToolCall | ChatToolResult> => {
      const result = (content: string): ChatToolResult => ({ role: 'tool', tool_call_id: id, name, content });
      if (!functions.has(name)) return result(`Error: there is no tool "${name}".`);
      const args = argumentsOf(text);
      if (!args) return result('Error: the arguments are not a JSON object.');
      const execute = functions.get(name);
      if (!execute) return new LanguageModelToolCall({ callId: id, name, arguments: args });
      try {
        return result(resultText(await execute(args)));
      } catch (error) {
        return result(`Error: ${toolFailure(error)}`);
      }
    }),
  );
  const isOpen = (outcome: (typeof outcomes)[number]) => outcome instanceof LanguageModelToolCall;
  return {
    results: outcomes.filter((outcome): outcome is ChatToolResult => !isOpen(outcome)),
    open: outcomes.filter((outcome): outcome is LanguageModelToolCall => isOpen(outcome)),
  };
}
