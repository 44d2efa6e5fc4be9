import type { LinnetErrorCode } from '../../protocol/errors.ts';
import type { ToolCall } from '../tools/rounds.ts';
import type { LoadProgress } from '../../protocol/messages.ts';

/** Who answers: this device, or the server of the attribute `endpoint`. */
export type AnsweredBy = 'device' | 'endpoint';

/**
 * The events of `<linnet-chat>`, by name, with their `detail`. All of them bubble and are composed.
 *
 * - `linnet-open`, `linnet-close`: the chat was opened or closed
 * - `linnet-consent`: the person agreed to the download
 * - `linnet-progress`: the model is loading
 * - `linnet-ready`: the model or the server can answer
 * - `linnet-question`: the person asked a question
 * - `linnet-tool`: a tool call has ended, with its `result` for the model and its `outcome`
 * - `linnet-answer`: the answer is complete, or was stopped (`finishReason` `stopped`)
 * - `linnet-error`: loading or answering failed, with the code of a `LinnetError`
 * - `linnet-clear`: a new conversation was started
 */
export interface ChatEvents {
  'linnet-open': null;
  'linnet-close': null;
  'linnet-consent': { model: string };
  'linnet-progress': LoadProgress;
  'linnet-ready': { by: AnsweredBy; name: string };
  'linnet-question': { question: string };
  'linnet-tool': ToolCall;
  'linnet-answer': { question: string; answer: string; by: AnsweredBy; finishReason: 'stop' | 'length' | 'stopped' };
  'linnet-error': { code: LinnetErrorCode; message: string };
  'linnet-clear': null;
}

/** Fires an event of the element. */
export function emit<K extends keyof ChatEvents>(host: EventTarget, name: K, detail: ChatEvents[K]): void {
  host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}
