// The package as users get it: packed, and installed in projects outside the repository.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageSource } from './harness.mjs';

const require = createRequire(import.meta.url);

/** The script of a tool of the repository. The projects use it, so that nothing is downloaded. */
export const tool = (name, script) => join(dirname(require.resolve(`${name}/package.json`)), script);

/** Runs a script with Node in a folder. */
export const node = (args, cwd) =>
  execFileSync(process.execPath, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 });

/** npm on this machine, in offline mode. */
const npm = (args, cwd) =>
  execFileSync('npm', [...args, '--offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    // npm's variables for the scripts that it runs would point this one to the workspace.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))),
    shell: process.platform === 'win32',
  });

/** A folder for projects, and the packed package that they install. */
export class Projects {
  /** Their path. */
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'linnet-install-')));
  #tarball;

  constructor() {
    const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', this.folder], packageSource));
    this.#tarball = join(this.folder, filename);
  }

  /**
   * Creates a project with the package and these files.
   *
   * @param {string} name
   * @param {Record<string, string>} files
   */
  make(name, files) {
    const root = this.#install(name);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(root, file), text);
    return root;
  }

  /**
   * Copies a folder, and adds the package and these packages of the repository.
   *
   * @param {string} name
   * @param {string} source
   * @param {string[]} [borrowed]
   */
  copy(name, source, borrowed = []) {
    const root = this.#install(name);
    cpSync(source, root, {
      recursive: true,
      filter: (path) => !/[\\/](node_modules|package\.json|package-lock\.json)$/.test(path),
    });
    for (const other of borrowed)
      symlinkSync(dirname(require.resolve(`${other}/package.json`)), join(root, 'node_modules', other), 'junction');
    return root;
  }

  #install(name) {
    const root = join(this.folder, name);
    mkdirSync(root);
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
    npm(['install', this.#tarball], root);
    return root;
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
