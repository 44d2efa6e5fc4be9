// Checks the guides in docs/: their links work, their code type-checks, and the guide to errors has every code.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { marked, type Token } from 'marked';
import { SAMPLING_DEFAULTS } from '../src/protocol/generated.ts';

const root = process.cwd();
const docs = join(root, 'docs');
const guides = new Map(
  readdirSync(docs)
    .filter((name) => name.endsWith('.md'))
    .map((name) => [name, readFileSync(join(docs, name), 'utf8')]),
);
const pages = new Map([...guides].map(([name, text]) => [join(docs, name), text]));
// All other Markdown files of the repository are checked, too.
for (const file of [
  'README.md',
  '..',
  '../crates',
  '../crates/models',
  '../crates/decisions',
  '../tests/browser',
  '../tests/fixtures',
  '../tests/fuzz',
  '../tests/reference',
  'examples',
].flatMap(markdownIn)) {
  pages.set(file, readFileSync(file, 'utf8'));
}

/** The Markdown files at a path of the package: the file itself, or those of the folder. */
function markdownIn(place: string): string[] {
  const path = resolve(root, place);
  if (path.endsWith('.md')) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(path, name));
}

/** All tokens of that type in a text. */
function tokensOf<T extends Token['type']>(text: string, type: T): Extract<Token, { type: T }>[] {
  const found: Token[] = [];
  marked.walkTokens(marked.lexer(text), (token) => {
    if (token.type === type) found.push(token);
  });
  return found as Extract<Token, { type: T }>[];
}

/** The anchors of a page's headings, as on GitHub and on the site. */
const anchorsOf = (text: string) =>
  tokensOf(text, 'heading').map((heading) =>
    (heading as { text: string }).text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replace(/ /g, '-'),
  );

/** The package's public entries, and their sources. */
function entries(): Record<string, string[]> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { default: string }>;
  };
  const modules = Object.entries(exports).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [[name, target.default] as const],
  );
  return Object.fromEntries(
    modules.map(([name, target]) => [
      `linnet${name.slice(1)}`,
      [resolve(root, target.replace('dist', 'src').replace(/\.js$/, '.ts'))],
    ]),
  );
}

/** The variables that the guides' code uses. */
const CONTEXT = `import type { ChatRequest as Request, Linnet } from 'linnet';
import type { LanguageModel as Model } from 'linnet/prompt-api';
declare global {
  type ChatRequest = Request;
  const linnet: Linnet;
  const LanguageModel: typeof Model;
  const messages: { role: 'user'; content: string }[];
  const output: HTMLElement;
  const scroller: HTMLElement;
  const bar: HTMLProgressElement;
  const file: File;
  const url: string;
  const signedUrl: string;
  const copyButton: (code: () => string) => HTMLElement;
}
`;

/** Type-checks modules in a temporary folder. @returns the compiler's output */
function check(files: Record<string, string>): string {
  const target = join(root, '..', 'target');
  mkdirSync(target, { recursive: true });
  const folder = mkdtempSync(join(target, 'docs-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const config = {
      extends: resolve(root, 'tsconfig.json'),
      compilerOptions: { paths: entries(), noUnusedLocals: false },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(
      dirname(createRequire(join(root, 'package.json')).resolve('typescript/package.json')),
      'bin',
      'tsc',
    );
    return spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' }).stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('every relative link of the repository’s pages leads to a file, and to a heading in it', () => {
  const broken: string[] = [];
  for (const [path, text] of pages) {
    for (const { href } of [...tokensOf(text, 'link'), ...tokensOf(text, 'image')]) {
      if (/^[a-z]+:/.test(href)) continue;
      const [file, anchor] = href.split('#') as [string, string?];
      const target = file === '' ? path : resolve(dirname(path), file);
      const there = existsSync(target) && (!anchor || anchorsOf(readFileSync(target, 'utf8')).includes(anchor));
      if (!there) broken.push(`${path}: ${href}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('the index of the guides lists each of them', () => {
  const listed = tokensOf(guides.get('README.md')!, 'link').map(({ href }) => href);
  for (const name of guides.keys()) assert.ok(name === 'README.md' || listed.includes(name), name);
});

test('the guide of requests has every sampling parameter and its default', () => {
  for (const [name, value] of Object.entries(SAMPLING_DEFAULTS)) {
    const rows = guides.get('requests.md')!.split('\n');
    const [, , defaults = ''] =
      rows.find((row) => row.startsWith('|') && row.includes(`\`${name}\``))?.split('|') ?? [];
    assert.ok(defaults.split(/[ ,]+/).includes(String(value)), `${name}: ${value}`);
  }
});

test('the guide to errors lists exactly the existing codes', () => {
  const codes = tokensOf(guides.get('errors.md')!, 'heading').flatMap(({ depth, text }) =>
    depth === 3 ? [text.replaceAll('`', '')] : [],
  );
  assert.equal(new Set(codes).size, codes.length, 'a code is listed twice');
  const fields = (codes: string[]) => codes.map((code) => `  '${code}': true,\n`).join('');
  const module = (codes: string[]) =>
    `import type { LinnetErrorCode } from 'linnet';
    export const codes: Record<LinnetErrorCode, true> = {\n${fields(codes)}};\n`;
  // One run of the compiler for all three.
  const files = {
    'all.ts': module(codes),
    'fewer.ts': module(codes.slice(1)),
    'more.ts': module([...codes, 'bad-luck']),
  };
  const said = check(files).split(/\n(?=\S)/);
  const about = (name: string) => said.filter((line) => line.includes(name)).join('\n');
  assert.equal(about('all.ts'), '');
  assert.match(about('fewer.ts'), /missing/, 'a missing code is found');
  assert.match(about('more.ts'), /bad-luck/, 'an unknown code is found');
  assert.equal(said.length, 2, said.join('\n'));
});

test('each error in the guide says what a visitor and a developer can do', () => {
  for (const part of guides.get('errors.md')!.split('\n### ').slice(1)) {
    const [code, ...lines] = part.split('\n');
    for (const who of ['Visitor', 'Developer'])
      assert.ok(
        lines.some((line) => line.startsWith(`- ${who}: `)),
        `${code}: ${who}`,
      );
  }
});

test('the code of the guides type-checks', () => {
  const files: Record<string, string> = { 'context.d.ts': CONTEXT };
  for (const [path, text] of pages) {
    const name = path.slice(resolve(root, '..').length + 1).replace(/[^a-z-]/gi, '_');
    tokensOf(text, 'code').forEach(({ lang, text }, index) => {
      if (lang === 'ts') files[`${name}_${index}.ts`] = `${text}\nexport {};\n`;
    });
  }
  assert.ok(Object.keys(files).length > 15, 'there is code');
  assert.equal(check(files), '');
});

test('the examples in TypeScript type-check', () => {
  const files: Record<string, string> = {};
  for (const name of readdirSync(join(root, 'examples'))) {
    const path = join(root, 'examples', name, 'main.ts');
    if (existsSync(path)) files[`${name}.ts`] = readFileSync(path, 'utf8');
  }
  assert.ok(Object.keys(files).length > 0, 'there are some');
  assert.equal(check(files), '');
});
