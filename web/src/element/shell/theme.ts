/** The light and dark colours. A site overrides them with the `--linnet-…` properties. */
const DAY = {
  accent: '#b23a48',
  'accent-ink': '#fffdfb',
  ground: '#fffefc',
  raised: '#ffffff',
  sunken: '#f4f0eb',
  ink: '#211e1b',
  soft: '#6b645d',
  line: '#e2dcd4',
  bubble: '#f1ebe4',
};
const NIGHT = {
  accent: '#e07781',
  'accent-ink': '#1a0c0e',
  ground: '#1c1917',
  raised: '#24201e',
  sunken: '#2b2724',
  ink: '#ece7e1',
  soft: '#aba298',
  line: '#3a3430',
  bubble: '#322c29',
};

const rules = (colours: typeof DAY) =>
  Object.entries(colours)
    .map(([name, value]) => `--${name}: var(--linnet-${name}, ${value});`)
    .join('');

/** The colours for a page with the parts of a chat. Its own rules win, and it can set the `--linnet-…` properties. */
export const pageTheme = (): string => `
:where(:root) { ${rules(DAY)} }
@media (prefers-color-scheme: dark) { :where(:root) { ${rules(NIGHT)} } }
`;

/** Both themes, chosen by the attribute `theme` (`light`, `dark`) or by the person's preference. */
export const THEME: string = `
:host { color-scheme: light; ${rules(DAY)} --radius: var(--linnet-radius, 1.25rem); }
:host([theme=dark]) { color-scheme: dark; ${rules(NIGHT)} }
@media (prefers-color-scheme: dark) { :host(:not([theme=light])) { color-scheme: dark; ${rules(NIGHT)} } }
`;
