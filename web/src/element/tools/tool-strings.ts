/** The texts of tool calls. `{tool}` is the tool's name. */
export interface ToolStrings {
  /** While the tool is running. */
  calling: string;
  called: string;
  callFailed: string;
  callRefused: string;
  callStopped: string;
  /** The title of what the model sent. */
  callArguments: string;
  /** The title of what the model got. */
  callResult: string;
  /** The question before a call, if the site has set none. */
  allowCall: string;
  allow: string;
  dontAllow: string;
}

/** The English texts. */
export const TOOL_STRINGS: ToolStrings = {
  calling: 'Using {tool}…',
  called: 'Used {tool}',
  callFailed: '{tool} failed',
  callRefused: '{tool} was not allowed',
  callStopped: '{tool} was stopped',
  callArguments: 'Arguments',
  callResult: 'Result',
  allowCall: 'Allow {tool}?',
  allow: 'Allow',
  dontAllow: 'Don’t allow',
};
