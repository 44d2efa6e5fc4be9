import { cutText } from '../../protocol/text.ts';
import { argumentsOf, INCOMPLETE, resultText, toolFailure } from '../../api/tool-calls.ts';
import type { PageTool } from './page-tool.ts';
import type { CallOutcome, ToolCall } from './rounds.ts';

/** The most characters of a result. */
const LONGEST_RESULT = 20_000;
/** The most characters of invalid arguments that the model gets back. */
const LONGEST_QUOTE = 200;

/** A call's end: the text for the model, and how it came to it. */
export interface CallEnd {
  result: string;
  outcome: CallOutcome;
}

/**
 * Runs a tool call. It never fails: each end is a text that the model can answer upon.
 *
 * @param confirm asks the person whether the tool may run; `question` is the site's
 */
export async function runCall(
  tools: readonly PageTool[],
  call: ToolCall,
  signal: AbortSignal,
  confirm: (question: string | undefined) => Promise<boolean>,
): Promise<CallEnd> {
  const stopped: CallEnd = { result: INCOMPLETE, outcome: 'stopped' };
  if (signal.aborted) return stopped;
  const tool = tools.find(({ name }) => name === call.name);
  if (!tool) return failed(`there is no tool of this name. The tools are: ${tools.map(({ name }) => name).join(', ')}`);
  const args = argumentsOf(call.arguments);
  if (!args) return failed(`the arguments are not a JSON object: ${cutText(call.arguments, LONGEST_QUOTE)}`);
  if (tool.confirm) {
    const allowed = await confirm(typeof tool.confirm === 'string' ? tool.confirm : undefined);
    if (signal.aborted) return stopped;
    if (!allowed) return { result: 'The person did not allow this call. Answer without it.', outcome: 'refused' };
  }
  try {
    const value = await untilAborted(async () => tool.execute(args, { signal }), signal);
    return { result: cutText(resultText(value), LONGEST_RESULT), outcome: 'done' };
  } catch (error) {
    return signal.aborted ? stopped : failed(cutText(toolFailure(error), LONGEST_RESULT));
  }
}

/** A tool may not listen to the signal: then its result is ignored. */
function untilAborted<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    run()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

/** A failure, as the model is told. */
export function failed(why: string): CallEnd {
  return { result: `Error: ${why}`, outcome: 'failed' };
}
