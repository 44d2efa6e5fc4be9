// Makes the HTML that a site's owner pastes.

/** The owner's choices. */
export interface EmbedOptions {
  mode: 'inline' | 'button';
  heading: string;
  greeting: string;
  suggestions: string[];
  context: string;
}

/** The tag with its attributes, in lines. The owner's text cannot end an attribute or an element. */
export function snippetOf(options: EmbedOptions): string {
  const attributes = Object.entries(attributesOf(options)).map(
    ([name, value]) => `${name}="${escapeAttribute(value)}"`,
  );
  const open = ['<linnet-chat', ...attributes].join('\n    ');
  const context = options.context.trim();
  // Nothing is escaped within a script; only its end tag must not appear.
  const known = context
    ? `\n  <script type="text/plain">\n${context.replace(/<(?=\/script|!--|script)/gi, '‹')}\n  </script>\n`
    : '';
  return `<script type="module" src="./linnet/element.js"></script>\n${open}>${known}</linnet-chat>\n`;
}

/** The attributes that differ from the defaults. */
export function attributesOf({ mode, heading, greeting, suggestions }: EmbedOptions): Record<string, string> {
  const all = {
    mode: mode === 'inline' ? mode : '',
    heading,
    greeting,
    suggestions: suggestions.map((text) => text.replaceAll('|', '\\|')).join('|'),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
}

function escapeAttribute(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
}
