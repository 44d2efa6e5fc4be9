/**
 * A conversation that continues when the context is full: each request contains as much of it as fits. `<linnet-chat>`
 * uses it, and so can a page with its own chat.
 */
export { type AnswerTarget, Asking as ChatHistory, type HistoryAnswerer } from './element/providers/asking.ts';
export { type PageTool, definitionsOf } from './element/tools/page-tool.ts';
export {
  type CallOutcome,
  type CallPiece,
  callPiece,
  type Round,
  type RoundPiece,
  type ToolCall,
} from './element/tools/rounds.ts';
export type { CallEnd } from './element/tools/run-call.ts';
export type { AnswerOptions } from './element/providers/answerer.ts';
export type { Exchange, Material } from './element/providers/conversation.ts';
