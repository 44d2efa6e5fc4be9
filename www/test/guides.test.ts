import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pageOf } from '../guides.ts';
import { GUIDES } from '../pages.ts';

const docs = join(process.cwd(), '..', 'web', 'docs');
const pages = new Map(
  GUIDES.map((guide) => [guide.file, pageOf(guide, readFileSync(join(docs, guide.source), 'utf8'))]),
);

test('each guide is a page with the title of its heading', () => {
  assert.deepEqual(
    GUIDES.map(({ source }) => source).sort(),
    readdirSync(docs)
      .filter((name) => name.endsWith('.md'))
      .sort(),
  );
  for (const { file, name } of GUIDES) assert.match(pages.get(file)!, new RegExp(`<h1 id="[a-z-]+">${name}</h1>`));
});

test('links lead to existing guides and headings', () => {
  for (const [file, html] of pages) {
    for (const [, href] of html.matchAll(/<a href="([^"]+)"/g)) {
      if (/^https?:/.test(href!)) continue;
      const [page, anchor] = href!.split('#') as [string, string?];
      const target = page === '' ? html : pages.get(`docs/${page.slice(2)}`);
      assert.ok(target, `${file}: ${href}`);
      assert.ok(!anchor || target.includes(` id="${anchor}"`), `${file}: ${href}`);
    }
  }
});

test('text is escaped, and links off the site are plain text', () => {
  const html = pageOf(
    GUIDES[1]!,
    '# A <b>\n\n[code](../src/x.ts) `<i>`\n\n```html\n<script>\n```\n\n| a & b |\n|---|\n| [E](errors.md#busy) |\n',
  );
  assert.match(html, /<p>code <code>&lt;i&gt;<\/code><\/p>/);
  assert.match(html, /<pre tabindex="0"><code>&lt;script&gt;<\/code><\/pre>/);
  assert.match(html, /aria-label="a &amp; b"><table><thead><tr><th scope="col">a &amp; b/);
  assert.match(html, /<td><a href="\.\/errors\.html#busy">E<\/a><\/td>/);
});
