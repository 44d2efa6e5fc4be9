// Builds pages of the site from the guides in ../web/docs.
import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { Marked, type Tokens } from 'marked';
import type { Plugin } from 'vite';
import { GUIDES, type Guide, guideOf } from './pages.ts';

const DOCS = join(import.meta.dirname, '..', 'web', 'docs');

/** A Vite plugin that provides the pages, which exist only as Markdown. */
export function guidePages(): Plugin {
  let root = '';
  return {
    name: 'linnet-guides',
    configResolved: (config) => {
      root = config.root;
    },
    resolveId: (id) => {
      const guide = guideOf(id.slice(id.startsWith(root) ? root.length + 1 : 0));
      return guide && join(root, guide.file);
    },
    load(id) {
      const guide = id.startsWith(root) ? guideOf(id.slice(root.length + 1)) : undefined;
      if (!guide) return undefined;
      this.addWatchFile(join(DOCS, guide.source));
      return pageOf(guide, readFileSync(join(DOCS, guide.source), 'utf8'));
    },
  };
}

/** A guide as a page of the site. */
export function pageOf(guide: Guide, markdown: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <!-- head -->
    <link rel="stylesheet" href="../src/page/sheet.css" />
    <link rel="stylesheet" href="../src/guides/guide.css" />
  </head>
  <body class="sheet">
    <!-- bar -->

    <main class="column guide">
${htmlOf(markdown)}${guide === GUIDES[0] ? '' : others(guide)}
    </main>
  </body>
</html>
`;
}

function others(here: Guide): string {
  const links = GUIDES.map(({ name, file }) => {
    const current = file === here.file ? ' aria-current="page"' : '';
    return `<li><a href="./${file.split('/').at(-1)}"${current}>${escaped(name)}</a></li>`;
  });
  return `<nav class="guides" aria-label="Guides"><ul>${links.join('')}</ul></nav>`;
}

/** Renders our own Markdown. Links to files that are not on the site become plain text. */
function htmlOf(markdown: string): string {
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        return `<h${depth} id="${slugOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        const to = addressOf(href);
        return to === undefined ? text : `<a href="${escaped(to)}">${text}</a>`;
      },
      // Focusable, so that wide code can be scrolled with the keyboard.
      code({ text }) {
        return `<pre tabindex="0"><code>${escaped(text)}</code></pre>\n`;
      },
      table(token: Tokens.Table) {
        const cell = ({ tokens }: Tokens.TableCell) => this.parser.parseInline(tokens);
        const head = token.header.map((one) => `<th scope="col">${cell(one)}</th>`).join('');
        const body = token.rows
          .map((row) => `<tr>${row.map((one) => `<td>${cell(one)}</td>`).join('')}</tr>`)
          .join('\n');
        const label = escaped(
          token.header
            .map(({ text }) => text)
            .filter(Boolean)
            .join(', '),
        );
        const region = `role="region" tabindex="0" aria-label="${label}"`;
        const table = `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
        return `<div class="table" ${region}>${table}</div>\n`;
      },
    },
  });
  return marked.parse(markdown, { async: false });
}

/** The address on the site of a guide's link; `undefined` if there is no page for it. */
function addressOf(href: string): string | undefined {
  if (/^(https?:|#)/.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const guide = GUIDES.find(({ source }) => source === normalize(path));
  return guide && `./${guide.file.split('/').at(-1)}${anchor ? `#${anchor}` : ''}`;
}

/** A heading's anchor, as on GitHub. */
function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function escaped(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => names[character]!);
}
