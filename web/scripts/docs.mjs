// Writes the reference of the package's API to target/reference/ with TypeDoc (see typedoc.json). A public item without
// a comment is an error, and so is a broken link.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

// TypeDoc is not a dependency: it needs another version of TypeScript, and one of its parts has a licence that is not
// in deny.toml. npm keeps both in its cache.
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
