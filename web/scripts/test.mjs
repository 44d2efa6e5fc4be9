// Runs test/**/*.test.ts of the current package in Node: the tests that need no browser. Arguments are parts of file
// names, to run only those files. Node 20 does not run TypeScript, so they are bundled first.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** How many test files run at once. Node's default is one fewer than there are processors. */
const CONCURRENCY = Math.max(2, availableParallelism());

/** How long a file may take, in milliseconds: longer if its fuzz test runs more often than usual. */
const TIMEOUT = 60_000 + 100 * Number(process.env.LINNET_FUZZ ?? 0);

const tests = join(process.cwd(), 'test');
const built = mkdtempSync(join(tmpdir(), 'linnet-test-'));
try {
  const asked = process.argv.slice(2);
  const isAsked = (name) => asked.length === 0 || asked.some((part) => name.includes(part));
  const all = readdirSync(tests, { recursive: true }).filter((name) => name.endsWith('.test.ts'));
  const files = all.filter(isAsked);
  if (files.length === 0) throw new Error(`No file in ${tests} has ${asked.join(' or ')} in its name.`);
  for (const name of files) {
    const bundle = await rolldown({ input: join(tests, name), platform: 'node' });
    await bundle.write({
      file: join(built, name.replace('.ts', '.mjs')),
      format: 'esm',
      sourcemap: 'inline',
      codeSplitting: false,
    });
  }
  const paths = files.map((name) => join(built, name.replace('.ts', '.mjs')));
  const options = ['--enable-source-maps', '--test', `--test-concurrency=${CONCURRENCY}`, `--test-timeout=${TIMEOUT}`];
  // Some tests mock timers, and Node warns for each file that this is experimental.
  options.push('--disable-warning=ExperimentalWarning', '--test-reporter=spec');
  const { status } = spawnSync(process.execPath, [...options, ...paths], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(built, { recursive: true, force: true });
}
