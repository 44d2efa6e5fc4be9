import { notSupported } from './exceptions.ts';
import { type ConvertedMessage, convertExpected, convertInput, type Expected, foreignLanguage } from './input.ts';
import type { CreateMonitor } from './events.ts';
import { SAMPLING_MODES, type SamplingOptions } from './sampling.ts';
import { type ConvertedTool, convertTools } from './tools.ts';
import { abortSignal, dictionary, double, enumeration, isObject, sequence, string } from './webidl.ts';

/** The required capabilities of a session, converted. */
export interface CoreOptions extends SamplingOptions {
  expectedInputs: Expected[];
  expectedOutputs: Expected[];
  tools: ConvertedTool[];
  /** Whether reasoning is requested. */
  thinking: boolean;
}

/** Options of `create()`, converted. */
export interface CreateOptions extends CoreOptions {
  initialPrompts: ConvertedMessage[];
  monitor: ((monitor: CreateMonitor) => void) | undefined;
  signal: AbortSignal | undefined;
}

/** Options of a prompt, converted. */
export interface PromptOptions {
  constraint: object | undefined;
  omitConstraint: boolean;
  thinking: boolean;
  signal: AbortSignal | undefined;
}

/**
 * Converts the options of `availability()`, and those that it shares with `create()`.
 *
 * @throws TypeError for values of the wrong type, and for a sampling mode combined with sampling parameters
 * @throws RangeError for an invalid language tag
 */
export function convertCoreOptions(value: unknown): CoreOptions {
  const members = dictionary(value, 'options');
  // Web IDL reads the members of a dictionary in the order of their names.
  const { expectedInputs, expectedOutputs, samplingMode, temperature, thinking, tools, topK } = members;
  const options: CoreOptions = {
    expectedInputs: convertExpected(expectedInputs, 'expectedInputs'),
    expectedOutputs: convertExpected(expectedOutputs, 'expectedOutputs'),
    samplingMode: samplingMode === undefined ? undefined : enumeration(samplingMode, 'samplingMode', SAMPLING_MODES),
    temperature: temperature === undefined ? undefined : double(temperature, 'temperature'),
    thinking: convertThinking(thinking),
    tools: convertTools(tools),
    topK: topK === undefined ? undefined : double(topK, 'topK'),
  };
  if (options.samplingMode !== undefined && (options.temperature !== undefined || options.topK !== undefined)) {
    throw new TypeError('Set either samplingMode, or temperature and topK.');
  }
  return options;
}

/** Converts the options of `create()`. */
export function convertCreateOptions(value: unknown): CreateOptions {
  const core = convertCoreOptions(value);
  const { initialPrompts, monitor, signal } = dictionary(value, 'options');
  const messages =
    initialPrompts === undefined
      ? []
      : sequence(initialPrompts, 'initialPrompts', (element) => convertInput([element])[0]!);
  if (monitor !== undefined && typeof monitor !== 'function') throw new TypeError('monitor must be a function.');
  return {
    ...core,
    initialPrompts: messages,
    monitor: monitor as CreateOptions['monitor'],
    signal: abortSignal(signal),
  };
}

/** Converts the options of a prompt. */
export function convertPromptOptions(value: unknown): PromptOptions {
  const { omitResponseConstraintInput, responseConstraint, signal, thinking } = dictionary(value, 'options');
  if (responseConstraint !== undefined && !isObject(responseConstraint)) {
    throw new TypeError('responseConstraint must be a JSON schema or a regular expression.');
  }
  const omitConstraint = Boolean(omitResponseConstraintInput);
  return {
    constraint: responseConstraint,
    omitConstraint,
    signal: abortSignal(signal),
    thinking: convertThinking(thinking),
  };
}

/** Converts options that have only a signal. */
export function convertSignal(value: unknown): AbortSignal | undefined {
  return abortSignal(dictionary(value, 'options')['signal']);
}

const INPUTS = ['text', 'tool-call', 'tool-response'];
const OUTPUTS = ['text', 'tool-call'];

/** The first unsupported option of a session; `undefined` if all are supported. */
export function unsupported(
  { expectedInputs, expectedOutputs, thinking }: CoreOptions,
  languages: readonly string[],
): string | undefined {
  const foreign = foreignLanguage([...expectedInputs, ...expectedOutputs], languages);
  const input = expectedInputs.find(({ type }) => !INPUTS.includes(type));
  const output = expectedOutputs.find(({ type }) => !OUTPUTS.includes(type));
  if (input) return `Input of the type "${input.type}"`;
  if (output) return `Output of the type "${output.type}"`;
  if (foreign) return `The language "${foreign}"`;
  return thinking ? 'Thinking' : undefined;
}

/** Whether answers are lists of parts, of which some may be calls of tools. */
export function returnsCalls({ expectedOutputs }: CoreOptions): boolean {
  return expectedOutputs.some(({ type }) => type === 'tool-call');
}

/** Rejects unsupported options of a prompt. */
export function refuseUnsupported({ thinking }: PromptOptions): void {
  if (thinking) throw notSupported('Thinking');
}

function convertThinking(value: unknown): boolean {
  const { effort, includeThoughts } = dictionary(value, 'thinking');
  return (effort !== undefined && string(effort) !== 'none') || Boolean(includeThoughts);
}
