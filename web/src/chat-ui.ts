/**
 * Small parts of a chat that are easy to get wrong. `<linnet-chat>` uses them; a page with a chat of its own can, too.
 */
export { isComposing } from './element/dom.ts';
export { EndFollower } from './element/follow.ts';
