// The site's pages and their common parts: the head, the bar at the top, and the links to other pages.
// A new page needs a line here and a file with its own content, such as embed.html.
import type { Plugin } from 'vite';

interface Page {
  file: string;
  /** Its name in links. */
  name: string;
  /** Its description for search engines. */
  about: string;
}

/** A guide of ../web/docs, which is shown as a page. */
export interface Guide extends Page {
  /** The Markdown file. */
  source: string;
}

/** The guides. The first one is the index. */
export const GUIDES: readonly Guide[] = [
  guide('README.md', 'Docs', 'How to use Linnet: guides to the npm package.'),
  guide('getting-started.md', 'Getting started', 'Install Linnet and get a first answer from a model in your page.'),
  guide(
    'requests.md',
    'Requests and answers',
    'Chat, tools, reasoning, streaming, sampling, long conversations and suggestions with Linnet.',
  ),
  guide('models.md', 'Models and memory', 'Which models Linnet runs, which one fits a device, and what it takes.'),
  guide('storage.md', 'Loading and storage', 'Downloads that resume, models that stay in the browser, offline use.'),
  guide('serving.md', 'Serving and CSP', 'Files, headers and policies of a site that serves Linnet.'),
  guide('errors.md', 'Errors by code', 'What each error of Linnet means and what to do.'),
  guide('element.md', 'The chat element', 'linnet-chat: a chat with a language model in one tag.'),
  guide('prompt-api.md', 'The Prompt API', 'LanguageModel in any browser, with Linnet.'),
  guide('ai-sdk.md', 'The Vercel AI SDK', 'A provider that answers with a model in the page.'),
  guide('migrating.md', 'Migrating', 'From WebLLM, wllama or transformers.js to Linnet.'),
];

function guide(source: string, name: string, about: string): Guide {
  return { source, name, about, file: `docs/${source === 'README.md' ? 'index' : source.slice(0, -3)}.html` };
}

/** The guide with that file. */
export const guideOf = (file: string): Guide | undefined => GUIDES.find((guide) => guide.file === file);

/** The pages, in the order in which they are shown. */
export const PAGES: readonly Page[] = [
  {
    file: 'index.html',
    name: 'Chat',
    about: 'A language model that runs inside this page. Nothing you write leaves your device.',
  },
  {
    file: 'keyboard.html',
    name: 'Keyboard',
    about: 'Words that may come next, while you type: a language model suggests them inside this page.',
  },
  { file: 'embed.html', name: 'Embed', about: 'One tag puts a chat with a language model into a page.' },
  GUIDES[0]!,
  { file: 'bench.html', name: 'Bench', about: 'How fast a language model runs on this device, in this browser.' },
  {
    file: 'diagnostics.html',
    name: 'Diagnostics',
    about: 'What this browser offers to a language model, and how the engine uses it.',
  },
];

const HOME = 'index.html';
const STYLES = ['base', 'controls', 'bar'];
const VIEWPORT = 'width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content';
/** The Content-Security-Policy: everything is from the site itself, but models may be from anywhere. */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' https: http:; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'";

/**
 * Fills in the common parts of each page: `<!-- head -->`, which is required; `<!-- bar -->`, the top of a page; and
 * `<!-- pages -->`, only the links to the other pages.
 */
export function sharedParts(): Plugin {
  return {
    name: 'linnet-pages',
    transformIndexHtml: {
      // Before Vite resolves the styles and scripts that it names.
      order: 'pre',
      handler(html, { path }) {
        const file = path.slice(1).replace(/(^|\/)$/, `$1${HOME}`);
        const page = guideOf(file) ?? PAGES.find((page) => page.file === file);
        if (!page) throw new Error(`${file} is not in the list of pages (pages.ts).`);
        if (!html.includes('<!-- head -->')) throw new Error(`${file} has no <!-- head -->.`);
        // Guides do not need it.
        const needsScript = guideOf(file)
          ? ''
          : '  <noscript>Linnet needs JavaScript: the model runs in it.</noscript>\n  ';
        return html
          .replace('<!-- head -->', () => head(page))
          .replace('<!-- bar -->', () => bar(page))
          .replace('<!-- pages -->', () => pageLinks(page))
          .replace('</body>', () => `${needsScript}</body>`);
      },
    },
  };
}

function head({ file, name, about }: Page): string {
  return lines(4, [
    '<meta charset="utf-8" />',
    `<meta name="viewport" content="${VIEWPORT}" />`,
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}" />`,
    `<meta name="description" content="${about}" />`,
    '<meta name="color-scheme" content="light dark" />',
    '<meta name="theme-color" media="(prefers-color-scheme: light)" content="#faf8f5" />',
    '<meta name="theme-color" media="(prefers-color-scheme: dark)" content="#171513" />',
    `<title>${file === HOME ? 'Linnet' : `${name} · Linnet`}</title>`,
    `<link rel="icon" href="${rootOf(file)}favicon.svg" type="image/svg+xml" />`,
    `<link rel="manifest" href="${rootOf(file)}manifest.webmanifest" />`,
    ...STYLES.map((style) => `<link rel="stylesheet" href="${rootOf(file)}src/page/${style}.css" />`),
  ]);
}

function bar(page: Page): string {
  const root = rootOf(page.file);
  return lines(4, [
    '<header class="bar">',
    `  <a class="brand" href="${root}${HOME}" aria-label="Linnet">`,
    `    <img src="${root}favicon.svg" alt="" width="26" height="26" /><span aria-hidden="true">Linnet</span>`,
    '  </a>',
    `  ${pageLinks(page)}`,
    '</header>',
  ]);
}

/** Links to the pages: to all in the bar, and to the others in the chat's menu. */
function pageLinks(here: Page): string {
  const links = PAGES.filter(({ file }) => here.file !== HOME || file !== HOME).map(({ file, name }) => {
    const isPart = guideOf(here.file) && guideOf(file);
    const current = file === here.file ? ' aria-current="page"' : isPart ? ' aria-current="true"' : '';
    return `<a href="${rootOf(here.file)}${file}"${current}>${name}</a>`;
  });
  return `<nav class="pages" aria-label="Pages">${links.join('')}</nav>`;
}

/** The relative path from a page to the site's folder, which may be anywhere on its host. */
function rootOf(file: string): string {
  return '../'.repeat(file.split('/').length - 1) || './';
}

function lines(indent: number, parts: string[]): string {
  return parts.join(`\n${' '.repeat(indent)}`);
}
