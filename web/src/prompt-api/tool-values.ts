import { asInterface, dictionary, enumeration, isObject, required, sequence, string } from './webidl.ts';

// The interfaces in which calls of tools and their results are exchanged with the page.

const RESULT_TYPES = ['text', 'image', 'audio', 'object'] as const;

/** A part of a tool's result. `image` and `audio` are not supported. */
export interface LanguageModelToolResultContent {
  type: (typeof RESULT_TYPES)[number];
  /** For `text` a string; for `object`, and also for `text`, anything that JSON can express. */
  value: unknown;
}

/** Names a call. Browsers have spelled `callId` in two ways; either is accepted, and both can be read. */
type CallName = { name: string } & ({ callId: string } | { callID: string });

/** What a call and both kinds of results have. */
class ToolValue {
  /** The call's id. */
  readonly callId: string;
  /** The tool's name. */
  readonly name: string;

  /** @internal */
  constructor(members: Record<string, unknown>, what: string) {
    this.callId = string(members['callId'] ?? required(members, 'callID', what));
    this.name = string(required(members, 'name', what));
  }

  /** Another spelling of `callId`. */
  get callID(): string {
    return this.callId;
  }
}

/** A call that the model asks for. */
export class LanguageModelToolCall extends ToolValue {
  readonly arguments: object;

  constructor(init: CallName & { arguments?: object }) {
    const members = dictionary(init, 'A tool call');
    super(members, 'A tool call');
    const given = members['arguments'] ?? {};
    if (!isObject(given)) throw new TypeError('The arguments of a tool call must be an object.');
    this.arguments = given;
  }
}

/** The result of a call. */
export class LanguageModelToolSuccess extends ToolValue {
  readonly result: readonly LanguageModelToolResultContent[];

  constructor(init: CallName & { result: readonly LanguageModelToolResultContent[] }) {
    const members = dictionary(init, 'A tool result');
    super(members, 'A tool result');
    this.result = sequence(required(members, 'result', 'A tool result'), 'result', (element) => {
      const part = dictionary(element, 'A part of a tool result');
      const type = enumeration(required(part, 'type', 'A part of a tool result'), 'The type', RESULT_TYPES);
      return { type, value: required(part, 'value', 'A part of a tool result') };
    });
  }
}

/** The failure of a call. */
export class LanguageModelToolError extends ToolValue {
  readonly errorMessage: string;

  constructor(init: CallName & { errorMessage: string }) {
    const members = dictionary(init, 'A tool error');
    super(members, 'A tool error');
    this.errorMessage = string(required(members, 'errorMessage', 'A tool error'));
  }
}

/** The interfaces by their names. */
export const TOOL_INTERFACES = { LanguageModelToolCall, LanguageModelToolSuccess, LanguageModelToolError };
for (const [name, value] of Object.entries(TOOL_INTERFACES)) asInterface(value, name);

export function isToolValue(value: unknown): value is ToolValue {
  return value instanceof ToolValue;
}
