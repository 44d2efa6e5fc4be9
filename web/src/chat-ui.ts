/** Small parts of a chat that are easy to get wrong. `<linnet-chat>` uses them, and so can a page with its own chat. */
export { isComposing } from './element/view/dom.ts';
export { EndFollower } from './element/view/follow.ts';
