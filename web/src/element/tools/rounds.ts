/** How a tool call ended. */
export type CallOutcome = 'done' | 'failed' | 'refused' | 'stopped';

/** A model's call of a tool. */
export interface ToolCall {
  id: string;
  name: string;
  /** The arguments as JSON text, as the model wrote them. */
  arguments: string;
  /** The text that the model gets; absent while the call has none yet. */
  result?: string;
  outcome?: CallOutcome;
}

/** What the model wrote in one go: an answer with tool calls has several rounds. */
export interface Round {
  /** What the model reasoned before it wrote the text. */
  reasoning?: string;
  /** How long it reasoned, in seconds. */
  seconds?: number;
  text: string;
  /** The calls that ended the round. */
  calls?: readonly ToolCall[];
}

/** A piece of a tool call in a stream, as in OpenAI's API. */
export interface CallPiece {
  /** Its place among the round's calls. */
  index: number;
  id?: string | undefined;
  name?: string | undefined;
  /** More of the arguments' JSON text. */
  arguments: string;
}

/** A piece of an answer. */
export interface RoundPiece {
  text?: string | undefined;
  reasoning?: string | undefined;
  calls?: readonly CallPiece[] | undefined;
}

/** Reads a piece of a call of OpenAI's API. */
export function callPiece(delta: {
  index: number;
  id?: string;
  function?: { name?: string; arguments?: string };
}): CallPiece {
  const { index, id, function: called = {} } = delta;
  return { index, id, name: called.name, arguments: called.arguments ?? '' };
}
