/**
 * Small parts of a chat that are easy to get wrong. `<linnet-chat>` uses them; a page with a chat of its own can, too.
 */
export { isComposing } from './element/view/dom.ts';
export { EndFollower } from './element/view/follow.ts';
