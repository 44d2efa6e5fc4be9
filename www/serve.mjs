// node www/serve.mjs serves the built demo at http://127.0.0.1:8080, and the models at /models/. `cargo xtask demo`
// builds the demo and then runs this.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileHandler, ISOLATION, listen, PROTECTION } from './file-server.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    pages: { type: 'string', default: join(import.meta.dirname, 'dist') },
    models: { type: 'string', default: join(import.meta.dirname, '..', 'models') },
    // Without COOP and COEP, like most static hosts: the page then uses one thread.
    'no-isolation': { type: 'boolean', default: false },
    open: { type: 'boolean', default: false },
  },
});

const headers = { ...PROTECTION, ...(values['no-isolation'] ? {} : ISOLATION) };
const handler = fileHandler({ mounts: { '/': values.pages, '/models/': values.models }, headers });
try {
  const { origin } = await listen(handler, Number(values.port));
  console.log(`Linnet is at ${origin}/\n(Ctrl-C stops it)`);
  if (values.open) open(`${origin}/`);
} catch (error) {
  console.error(
    `Port ${values.port} is not available. Choose another one with --port. (${/** @type {Error} */ (error).message})`,
  );
  process.exitCode = 1;
}

/**
 * Opens the address in the user's browser, if there is a desktop.
 *
 * @param {string} url
 */
function open(url) {
  const hasDesktop = process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'];
  /** @type {Partial<Record<NodeJS.Platform, string>>} */
  const programs = { darwin: 'open', win32: 'explorer' };
  const program = programs[process.platform] ?? (hasDesktop ? 'xdg-open' : undefined);
  // The address was printed, so a missing program does no harm.
  if (program)
    spawn(program, [url], { stdio: 'ignore', detached: true })
      .on('error', () => {})
      .unref();
}
