/**
 * A conversation that goes on when the context is full: each request has as much of it as there is room for. `<linnet-chat>` uses it; a
 * page with a chat of its own can, too.
 */
export { Asking as ChatHistory, type HistoryAnswerer } from './element/providers/asking.ts';
export type { AnswerOptions } from './element/providers/answerer.ts';
export type { Exchange, Material } from './element/providers/conversation.ts';
