// Makes the reference of the package's API into target/reference/, by TypeDoc as typedoc.json says. What is public and
// has no comment, or links to nothing, is an error.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

// Not among the package's own tools: TypeDoc needs another TypeScript than ours, and one of its parts is under a
// licence that deny.toml does not list. npm keeps both in its cache.
const PACKAGES = ['typedoc@0.28.20', 'typescript@6.0.3'];

const { status, error } = spawnSync(
  'npx',
  ['--yes', '--prefer-offline', ...PACKAGES.map((name) => `--package=${name}`), 'typedoc', ...process.argv.slice(2)],
  {
    cwd: dirname(import.meta.dirname),
    stdio: 'inherit',
    shell: process.platform === 'win32',
  },
);
if (error) throw error;
process.exitCode = status ?? 1;
