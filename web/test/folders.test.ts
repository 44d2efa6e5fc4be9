// Checks that folders depend one way, as crates/README.md says, and that no files import each other in a cycle.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

/** What each folder may import, besides its own files. Files at the top are entries and may import anything. */
const ALLOWED: Record<string, readonly string[]> = {
  protocol: [],
  store: ['protocol'],
  download: ['protocol', 'store'],
  worker: ['protocol', 'store', 'download'],
  page: ['protocol', 'store', 'download'],
  models: ['protocol', 'store', 'page'],
  api: ['protocol', 'store', 'page', 'models'],
  'ai-sdk': ['protocol', 'api'],
  'prompt-api': ['entry', 'protocol', 'api', 'models'],
  'element/markdown': ['protocol'],
  'element/tools': ['protocol', 'api'],
  'element/parts': ['entry', 'protocol', 'api', 'element/markdown', 'element/tools'],
  'element/shell': ['entry', 'protocol', 'api', 'models', 'element/tools'],
  'element/providers': ['entry', 'protocol', 'api', 'element/shell', 'element/tools'],
  'element/view': [
    ...['entry', 'protocol', 'element/shell', 'element/providers', 'element/parts', 'element/markdown'],
    'element/tools',
  ],
};

type Imports = Map<string, readonly string[]>;

/** The files of a folder, with the files of the same folder that each imports. Types count, too. */
function importsIn(root: string): Imports {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const found = files.map((file): [string, string[]] => {
    const text = readFileSync(join(root, file), 'utf8');
    const paths = [...text.matchAll(/(?:\bfrom |\bimport\()'(\.[^']+)'/g)].map(([, path]) => path!);
    return [
      file,
      paths.map((path) => relative(root, resolve(root, dirname(file), path))).filter((path) => files.includes(path)),
    ];
  });
  return new Map(found);
}

/** An import cycle, if there is one. */
function cycleIn(imports: Imports): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, way: string[]): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const cycle = visit(next, [...way, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

const folderOf = (file: string) => (file.includes('/') ? dirname(file) : 'entry');

/** Imports from a folder that the importing folder may not use. */
function strays(imports: Imports): string[] {
  return [...imports].flatMap(([file, targets]) => {
    const allowed = ALLOWED[folderOf(file)];
    const wrong = targets.filter(
      (target) => folderOf(target) !== folderOf(file) && !allowed?.includes(folderOf(target)),
    );
    return folderOf(file) === 'entry' ? [] : wrong.map((target) => `${file} imports ${target}`);
  });
}

test('no files of the package or the site import each other in a cycle', () => {
  assert.equal(cycleIn(importsIn('src')), undefined);
  assert.equal(cycleIn(importsIn(join('..', 'www', 'src'))), undefined);
  const cycle = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b']],
  ]);
  assert.deepEqual(cycleIn(cycle), ['b', 'c', 'b'], 'a cycle is found');
});

test('each folder of the package imports only the folders below it', () => {
  const imports = importsIn('src');
  assert.ok(imports.size > 60, 'the sources are found');
  assert.deepEqual(strays(imports), []);
  assert.deepEqual(
    strays(new Map([['worker/a.ts', ['page/b.ts']]])),
    ['worker/a.ts imports page/b.ts'],
    'a stray is found',
  );
});
