// The style sheet that the package exports as `linnet/chat-ui.css`. The build writes it.
import { PARTS_STYLE } from './element/parts/style.ts';
import { pageTheme } from './element/shell/theme.ts';

/** How the parts of a chat look in a page: the theme of `<linnet-chat>`, and the rules that it uses itself. */
export const CHAT_UI_STYLE: string = pageTheme() + PARTS_STYLE;
