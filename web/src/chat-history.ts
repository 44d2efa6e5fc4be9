/**
 * A conversation that continues when the context is full: each request contains as much of it as fits. `<linnet-chat>`
 * uses it, and so can a page with its own chat.
 */
export { Asking as ChatHistory, type HistoryAnswerer } from './element/providers/asking.ts';
export type { AnswerOptions } from './element/providers/answerer.ts';
export type { Exchange, Material } from './element/providers/conversation.ts';
