// The messages of a chat, and the tools that the model may call in it.

/** One message of a conversation. Messages from OpenAI's client can be passed unchanged. */
export interface ChatMessage {
  /** Who wrote it. `developer` is a newer word for `system`; `tool` is the result of a tool call. */
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  /**
   * The text, as one string or as OpenAI's text parts (at most 10,000 in a conversation). Templates that expect one
   * string get the parts joined by line feeds.
   */
  content: string | readonly { type: 'text'; text: string }[];
  /** The author's name, for templates that use it. */
  name?: string | null;
}

/** An assistant's message with more than text. The `message` of an answer can be sent back unchanged. */
export interface ChatAssistantMessage {
  role: 'assistant';
  /** May be `null` or missing if the message has tool calls. */
  content?: ChatMessage['content'] | null;
  /** The calls that it asks for. A message of the role `tool` follows for each. */
  tool_calls?: readonly (Omit<ChatToolCall, 'id' | 'type'> & { id?: string; type?: 'function' })[] | null;
  /** Its reasoning. Templates keep that of the current turn and drop the rest, as the model was trained. */
  reasoning_content?: string | null;
  /** The same under its newer name. */
  reasoning?: string | null;
  name?: string | null;
}

/** The result of a tool call. */
export interface ChatToolResult extends ChatMessage {
  role: 'tool';
  /** The id of the call. */
  tool_call_id?: string | null;
}

/** A function that the model may call, as in OpenAI's API. */
export interface ChatTool {
  /** Other kinds of tools are rejected. */
  type: 'function';
  function: {
    /** The name that the model writes to call it; no two tools of a request have the same. */
    name: string;
    /** What it does and when to call it, for the model. */
    description?: string | null;
    /** The JSON schema of its arguments; by default it takes none. */
    parameters?: Readonly<Record<string, unknown>> | null;
    /**
     * Whether the arguments of a call must fit `parameters`. By default they must if the request requires a call. A
     * schema that cannot be enforced is rejected with `bad-constraint`.
     */
    strict?: boolean | null;
  };
}

/** Names one of the request's tools. */
export interface NamedTool {
  type: 'function';
  function: { name: string };
}

/**
 * Whether the model calls tools:
 * - `auto`, the default if there are tools: as it decides
 * - `none`: it calls none, and does not see them
 * - `required`: it calls at least one
 * - a tool's name: it calls this one
 * - `allowed_tools`: as `auto` or `required`, but with only these of the tools
 */
export type ChatToolChoice =
  | 'none'
  | 'auto'
  | 'required'
  | NamedTool
  | {
      type: 'allowed_tools';
      allowed_tools: { mode: 'auto' | 'required'; tools: readonly NamedTool[] };
    };

/** How much a model reasons before it answers; `none` turns reasoning off where the model can. */
export type ReasoningEffort = 'none' | 'minimal' | 'low' | 'medium' | 'high';

/** A call that the model asks for. */
export interface ChatToolCall {
  /** Names the call in its result (`tool_call_id`). */
  id: string;
  type: 'function';
  function: {
    name: string;
    /** JSON text, which the model wrote: it may be invalid or not match the schema. */
    arguments: string;
  };
}

/** A piece of a tool call in a stream. The first piece of a call has its `id`, `type` and name. */
export interface ChatToolCallDelta {
  /** The call's place among those of the answer. */
  index: number;
  id?: string;
  type?: 'function';
  /** `arguments` has more of their JSON text, possibly none yet. */
  function: { name?: string; arguments: string };
}
