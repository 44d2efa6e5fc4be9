import type { ChatRequest } from '../api/types.ts';
import { FORM_FIELDS } from '../api/answer-form.ts';
import type { JsonSchema, ResponseFormat } from '../api/form-types.ts';
import { TEMPLATE_FIELDS } from '../api/template-fields.ts';
import { SAMPLING_DEFAULTS } from '../protocol/generated.ts';
import { messagesOf } from './prompt.ts';
import type { CallOptions, CallTool, CallWarning, SpecificationVersion } from './types.ts';

/** Options that the AI SDK may lack: `providerOptions: { linnet: { min_p: 0.1 } }`. */
const OWN_OPTIONS = [
  ...Object.keys(SAMPLING_DEFAULTS),
  'ignore_eos',
  ...FORM_FIELDS,
  ...TEMPLATE_FIELDS.filter((field) => field !== 'tools' && field !== 'tool_choice'),
];
/** Levels of reasoning that only the SDK knows. */
const BEYOND_HIGH = ['xhigh', 'max'];

type Warning = CallWarning<'v3'> & { tool?: CallTool };

/** Turns a call into Linnet's request, with warnings about what it does not support. */
export function requestOf<V extends SpecificationVersion>(
  options: CallOptions,
  version: V,
): { request: ChatRequest; warnings: CallWarning<V>[] } {
  const { prompt, maxOutputTokens, temperature, topP, topK, presencePenalty, frequencyPenalty } = options;
  const { stopSequences, seed, abortSignal, tools = [], providerOptions } = options;
  const warnings: Warning[] = [];
  const functions = tools.flatMap((tool) => functionOf(tool, (warning) => warnings.push(warning)));
  const messages = messagesOf(prompt, (feature) => warnings.push({ type: 'unsupported', feature }));
  const fields = {
    max_tokens: maxOutputTokens,
    temperature,
    top_p: topP,
    top_k: topK,
    presence_penalty: presencePenalty,
    frequency_penalty: frequencyPenalty,
    stop: stopSequences?.length ? stopSequences : undefined,
    seed,
    tools: functions.length > 0 ? functions : undefined,
    tool_choice: functions.length > 0 ? choiceOf(options) : undefined,
    response_format: formatOf(options),
    reasoning_effort: effortOf(options, (warning) => warnings.push(warning)),
    signal: abortSignal,
  };
  const own = providerOptions?.['linnet'] ?? {};
  const others = OWN_OPTIONS.filter((name) => (fields as Record<string, unknown>)[name] === undefined);
  const all = [...Object.entries(fields), ...others.map((name) => [name, own[name]])];
  const given = Object.fromEntries(all.filter(([, value]) => value !== undefined));
  return { request: { messages, ...given }, warnings: warnings.map((warning) => warningOf(warning, version)) };
}

function functionOf(tool: CallTool, warn: (warning: Warning) => void): NonNullable<ChatRequest['tools']>[number][] {
  if (tool.type !== 'function') {
    warn({ type: 'unsupported', feature: `provider-defined tool ${tool.id}`, tool });
    return [];
  }
  const { name, description, inputSchema, inputExamples, strict } = tool;
  if (inputExamples?.length) warn({ type: 'unsupported', feature: `inputExamples of the tool ${name}` });
  const parameters = inputSchema as Record<string, unknown>;
  const more = { ...(description ? { description } : {}), ...(strict === undefined ? {} : { strict }) };
  return [{ type: 'function', function: { name, ...more, parameters } }];
}

function choiceOf({ toolChoice }: CallOptions): ChatRequest['tool_choice'] | undefined {
  if (toolChoice?.type !== 'tool') return toolChoice?.type;
  return { type: 'function', function: { name: toolChoice.toolName } };
}

function formatOf({ responseFormat: format }: CallOptions): ResponseFormat | undefined {
  if (format?.type !== 'json') return undefined;
  const { name, description, schema } = format;
  // The SDK checks the answer itself if it has no schema: any object is JSON.
  if (!schema) return { type: 'json_object' };
  const more = { ...(name ? { name } : {}), ...(description ? { description } : {}) };
  return { type: 'json_schema', json_schema: { ...more, schema: schema as JsonSchema } };
}

function effortOf({ reasoning }: CallOptions, warn: (warning: Warning) => void): string | undefined {
  if (reasoning === undefined || reasoning === 'provider-default') return undefined;
  if (!BEYOND_HIGH.includes(reasoning)) return reasoning;
  warn({ type: 'compatibility', feature: 'reasoning', details: `"${reasoning}" is the same as "high".` });
  return 'high';
}

function warningOf<V extends SpecificationVersion>({ tool, ...warning }: Warning, version: V): CallWarning<V> {
  const { feature: setting, details } = warning;
  const older = tool
    ? { type: 'unsupported-tool', tool }
    : { type: 'unsupported-setting', setting, ...(details ? { details } : {}) };
  return (version === 'v2' ? older : warning) as CallWarning<V>;
}
