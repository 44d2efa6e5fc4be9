// Builds the npm package into dist/: the page's modules, the workers, their types, and wasm-bindgen's output. It needs
// wasm/, which `cargo xtask build` makes.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const root = dirname(import.meta.dirname);
const dist = join(root, 'dist');
const wasm = join(root, 'wasm');
for (const file of [
  'linnet.js',
  ...['', '_threads', '_relaxed', '_relaxed_threads'].map((kind) => `linnet${kind}_bg.wasm`),
  'constraint.js',
  'constraint_bg.wasm',
]) {
  if (existsSync(join(wasm, file))) continue;
  console.error(`web/wasm/${file} is missing: run "cargo xtask build", which makes it and then calls this.`);
  process.exit(1);
}
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);

// The entry of each module of the package.
const entries = {
  index: 'index.ts',
  worker: 'worker/worker.ts',
  thread: 'worker/thread.ts',
  markdown: 'markdown.ts',
  element: 'element.ts',
  'element/view': 'element/view/view.ts',
  'chat-history': 'chat-history.ts',
  'chat-ui': 'chat-ui.ts',
  'prompt-api': 'prompt-api.ts',
  'ai-sdk': 'ai-sdk.ts',
};
// Separate modules, for code that entries share or load later.
const shared = new Map(['index', 'markdown', 'element/view'].map((name) => [join(root, 'src', entries[name]), name]));
for (const [name, source] of Object.entries(entries)) {
  const bundle = await rolldown({
    input: join(root, 'src', source),
    external(id, importer) {
      // The glue also stays a separate file: it is generated, and finds the wasm next to itself.
      if (/\/wasm\/linnet\.js$/.test(id)) return true;
      return importer !== undefined && shared.has(resolve(dirname(importer), id));
    },
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`);
    },
  });
  const paths = (id) => {
    const path = relative(dirname(join(dist, name)), join(dist, `${shared.get(id) ?? 'linnet'}.js`)).replaceAll(
      '\\',
      '/',
    );
    return path.startsWith('.') ? path : `./${path}`;
  };
  // Every visitor loads the button or the chat, and the worker includes generated code, so they are minified.
  await bundle.write({
    file: join(dist, `${name}.js`),
    format: 'esm',
    sourcemap: true,
    minify: name.startsWith('element') || ['markdown', 'chat-ui', 'worker'].includes(name),
    paths,
  });
}
// The style sheet of the parts of a chat, from the source that the element uses.
const style = await rolldown({ input: join(root, 'src', 'chat-ui-style.ts') });
const { output } = await style.generate({ format: 'esm' });
const { CHAT_UI_STYLE } = await import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
writeFileSync(join(dist, 'chat-ui.css'), CHAT_UI_STYLE);
// The only third-party package that is bundled.
cpSync(
  createRequire(import.meta.url)
    .resolve('marked')
    .replace(/lib[\\/][^\\/]+$/, 'LICENSE'),
  join(dist, 'marked-LICENSE.txt'),
);
// The licences of the package; npm packs no files from above its folder.
for (const file of ['LICENSE-MIT', 'LICENSE-APACHE']) cpSync(join(dirname(root), file), join(dist, file));

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.types.json'), '--outDir', dist], { stdio: 'inherit' });
for (const file of readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.d.ts'))) {
  // The sources import .ts files, which users of the types may not have enabled.
  const text = readFileSync(join(dist, file), 'utf8');
  writeFileSync(join(dist, file), text.replace(/(from '\.{1,2}\/[\w/-]+)\.ts'/g, "$1.js'"));
}
for (const file of ['models.json', 'models.schema.json']) cpSync(join(root, 'src', 'models', file), join(dist, file));
for (const file of readdirSync(wasm)) {
  // The worker includes the glue of the other module.
  const isIncluded = file === 'constraint.js' || file.endsWith('.d.ts') || file.startsWith('.');
  if (!isIncluded) cpSync(join(wasm, file), join(dist, file), { recursive: true });
}
