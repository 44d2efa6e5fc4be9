/** The parts of a chat. `<linnet-chat>` is built of them, and so can be a page with its own chat. */
export {
  Composer,
  type ComposerElements,
  composerElements,
  type ComposerListener,
  type ComposerStrings,
} from './element/parts/composer.ts';
export { isComposing } from './element/parts/dom.ts';
export { EndFollower } from './element/parts/follow.ts';
export { ChatLog, type LogElements } from './element/parts/log.ts';
export { ChatNotice, type NoticeElements, noticeElements } from './element/parts/notice.ts';
export type { ReasoningStrings } from './element/parts/reasoning-fold.ts';
export { TOOL_STRINGS, type ToolStrings } from './element/tools/tool-strings.ts';
export { ChatTurn, type TurnOptions } from './element/parts/turn.ts';
