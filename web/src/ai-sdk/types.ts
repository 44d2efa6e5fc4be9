import type { Timings } from '../protocol/generated.ts';

// What the AI SDK passes to a language model and gets from it, as far as Linnet uses it. The versions of its interface
// (`LanguageModelV2`, V3 and V4) share these types, except where a type has the version as its parameter.

/** The versions of the interface: of `ai` 5, 6 and 7. */
export type SpecificationVersion = 'v2' | 'v3' | 'v4';

/** The result of a tool in a prompt. */
export type ToolOutput =
  | { type: 'text' | 'error-text'; value: string }
  | { type: 'json' | 'error-json'; value: unknown }
  | { type: 'execution-denied'; reason?: string | undefined }
  | { type: 'content'; value: readonly { type: string; text?: string }[] };

/** A part of a message in a prompt. */
export type PromptPart =
  | { type: 'text' | 'reasoning'; text: string }
  | { type: 'tool-call'; toolCallId: string; toolName: string; input: unknown }
  | { type: 'tool-result'; toolCallId: string; toolName: string; output: ToolOutput }
  | { type: 'file' | 'reasoning-file' | 'custom' | 'tool-approval-response' };

/** A message of a prompt. */
export interface PromptMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string | readonly PromptPart[];
}

/** A tool that another provider runs. */
export interface ForeignTool<T> {
  type: T;
  id: `${string}.${string}`;
  name: string;
  args: Record<string, unknown>;
}

/** A tool: a function of the page, or another one. */
export type CallTool =
  | {
      type: 'function';
      name: string;
      description?: string | undefined;
      inputSchema: object;
      inputExamples?: readonly unknown[] | undefined;
      strict?: boolean | undefined;
    }
  | ForeignTool<'provider' | 'provider-defined'>;

/** The options of a call. */
export interface CallOptions {
  prompt: readonly PromptMessage[];
  maxOutputTokens?: number | undefined;
  temperature?: number | undefined;
  stopSequences?: string[] | undefined;
  topP?: number | undefined;
  topK?: number | undefined;
  presencePenalty?: number | undefined;
  frequencyPenalty?: number | undefined;
  responseFormat?:
    | { type: 'text' }
    | { type: 'json'; schema?: object | undefined; name?: string | undefined; description?: string | undefined }
    | undefined;
  seed?: number | undefined;
  tools?: readonly CallTool[] | undefined;
  toolChoice?: { type: 'auto' | 'none' | 'required' } | { type: 'tool'; toolName: string } | undefined;
  reasoning?: string | undefined;
  includeRawChunks?: boolean | undefined;
  abortSignal?: AbortSignal | undefined;
  providerOptions?: Record<string, Record<string, unknown>> | undefined;
}

/** Something that the call asks for and does not get. */
export type CallWarning<V extends SpecificationVersion> = V extends 'v2'
  ?
      | { type: 'unsupported-setting'; setting: string; details?: string }
      | { type: 'unsupported-tool'; tool: ForeignTool<'provider-defined'>; details?: string }
  : { type: 'unsupported' | 'compatibility'; feature: string; details?: string };

/** Why an answer ended. */
export type UnifiedFinishReason = 'stop' | 'length' | 'tool-calls' | 'error';

/** The same in the form of a version. */
export type CallFinishReason<V extends SpecificationVersion> = V extends 'v2'
  ? UnifiedFinishReason
  : { unified: UnifiedFinishReason; raw: string | undefined };

/** Token counts. */
export type CallUsage<V extends SpecificationVersion> = V extends 'v2'
  ? {
      inputTokens: number | undefined;
      outputTokens: number | undefined;
      totalTokens: number | undefined;
      reasoningTokens?: number | undefined;
      cachedInputTokens?: number | undefined;
    }
  : {
      inputTokens: {
        total: number | undefined;
        noCache: number | undefined;
        cacheRead: number | undefined;
        cacheWrite: undefined;
      };
      outputTokens: { total: number | undefined; text: number | undefined; reasoning: number | undefined };
    };

/** A call that the model asks for. */
export interface AnswerToolCall {
  type: 'tool-call';
  toolCallId: string;
  toolName: string;
  /** JSON text. */
  input: string;
}

interface ResponseMetadata {
  id: string;
  modelId: string;
  timestamp: Date;
}

/** The end of an answer. */
export interface CallEnd<V extends SpecificationVersion> {
  finishReason: CallFinishReason<V>;
  usage: CallUsage<V>;
  providerMetadata?: { linnet: { timings: Timings } };
}

/** A whole answer. */
export interface GenerateResult<V extends SpecificationVersion> extends CallEnd<V> {
  content: ({ type: 'text' | 'reasoning'; text: string } | AnswerToolCall)[];
  warnings: CallWarning<V>[];
  request: { body: unknown };
  response: ResponseMetadata;
}

/** A part of a streamed answer that does not depend on the version. */
export type AnswerPart =
  | { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end'; id: string }
  | { type: 'text-delta' | 'reasoning-delta' | 'tool-input-delta'; id: string; delta: string }
  | { type: 'tool-input-start'; id: string; toolName: string }
  | { type: 'tool-input-end'; id: string }
  | AnswerToolCall;

/** A part of a streamed answer. */
export type StreamPart<V extends SpecificationVersion> =
  | AnswerPart
  | { type: 'stream-start'; warnings: CallWarning<V>[] }
  | ({ type: 'response-metadata' } & ResponseMetadata)
  | ({ type: 'finish' } & CallEnd<V>)
  | { type: 'raw'; rawValue: unknown }
  | { type: 'error'; error: unknown };

/** A streamed answer. */
export interface StreamResult<V extends SpecificationVersion> {
  stream: ReadableStream<StreamPart<V>>;
  request: { body: unknown };
}
