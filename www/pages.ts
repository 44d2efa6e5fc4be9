// The site's pages, and what all of them have: the head, the bar at the top, the way to the others.
// A new page is a line here, and a file that holds what is its own: see embed.html.
import type { Plugin } from 'vite';

interface Page {
  file: string;
  /** What the others call it. */
  name: string;
  /** A sentence for those who look for it. */
  about: string;
}

/** In the order in which they are shown. */
export const PAGES: readonly Page[] = [
  { file: 'index.html', name: 'Chat', about: 'A language model that runs inside this page. Nothing you write leaves your device.' },
  { file: 'keyboard.html', name: 'Keyboard', about: 'Words that may come next, while you type: a language model suggests them inside this page.' },
  { file: 'embed.html', name: 'Embed', about: 'One tag puts a chat with a language model into a page.' },
  { file: 'bench.html', name: 'Bench', about: 'How fast a language model runs on this device, in this browser.' },
  { file: 'diagnostics.html', name: 'Diagnostics', about: 'What this browser offers to a language model, and how the engine uses it.' },
];

const HOME = 'index.html';
const STYLES = ['base', 'controls', 'bar'];
/** Everything comes from the site itself, but models may come from anywhere. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' https: http:; object-src 'none'; base-uri 'none'; form-action 'none'";

/**
 * Puts into each page what all of them have: `<!-- head -->`, without which none is built; `<!-- bar -->`, the top of a page that is
 * read; and `<!-- pages -->`, the way to the other pages alone.
 */
export function sharedParts(): Plugin {
  return {
    name: 'linnet-pages',
    transformIndexHtml: {
      // Before the styles and scripts that it names are looked for.
      order: 'pre',
      handler(html, { path }) {
        const file = path.split('/').at(-1) || HOME;
        const page = PAGES.find((page) => page.file === file);
        if (!page) throw new Error(`${file} is not in the list of pages (pages.ts).`);
        if (!html.includes('<!-- head -->')) throw new Error(`${file} has no <!-- head -->.`);
        return html
          .replace('<!-- head -->', () => head(page))
          .replace('<!-- bar -->', () => bar(page))
          .replace('<!-- pages -->', () => ways(page))
          .replace('</body>', () => '  <noscript>Linnet needs JavaScript: the model runs in it.</noscript>\n  </body>');
      },
    },
  };
}

function head({ file, name, about }: Page): string {
  return lines(4, [
    '<meta charset="utf-8" />',
    '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content" />',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}" />`,
    `<meta name="description" content="${about}" />`,
    '<meta name="color-scheme" content="light dark" />',
    '<meta name="theme-color" media="(prefers-color-scheme: light)" content="#faf8f5" />',
    '<meta name="theme-color" media="(prefers-color-scheme: dark)" content="#171513" />',
    `<title>${file === HOME ? 'Linnet' : `${name} · Linnet`}</title>`,
    '<link rel="icon" href="./favicon.svg" type="image/svg+xml" />',
    '<link rel="manifest" href="./manifest.webmanifest" />',
    ...STYLES.map((style) => `<link rel="stylesheet" href="./src/${style}.css" />`),
  ]);
}

function bar(page: Page): string {
  return lines(4, [
    '<header class="bar">',
    `  <a class="brand" href="./${HOME}" aria-label="Linnet"><img src="./favicon.svg" alt="" width="26" height="26" /><span aria-hidden="true">Linnet</span></a>`,
    `  ${ways(page)}`,
    '</header>',
  ]);
}

/** Links to the pages: to all from one that is read, to the others from the chat, which stands above them. */
function ways(here: Page): string {
  const links = PAGES.filter(({ file }) => here.file !== HOME || file !== HOME).map(({ file, name }) => {
    const current = file === here.file ? ' aria-current="page"' : '';
    return `<a href="./${file}"${current}>${name}</a>`;
  });
  return `<nav class="pages" aria-label="Pages">${links.join('')}</nav>`;
}

function lines(indent: number, parts: string[]): string {
  return parts.join(`\n${' '.repeat(indent)}`);
}
