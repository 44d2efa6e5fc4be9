// A build step that writes the service worker, which needs a list of all files of the site.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Plugin } from 'vite';

/**
 * Whether the service worker makes the pages cross-origin isolated. It is at the beginning of `sw.js`, so that it can
 * be changed later.
 */
const ISOLATE = Boolean(process.env['LINNET_ISOLATE']);

/** Writes `sw.js` into the built site. It changes when a file of the site changes, so that browsers update it. */
export function serviceWorker(): Plugin {
  let dist = '';
  return {
    name: 'linnet-service-worker',
    apply: 'build',
    configResolved: ({ root, build }) => {
      dist = join(root, build.outDir);
    },
    closeBundle() {
      const entries = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const files = entries.map(({ parentPath, name }) =>
        join(parentPath, name)
          .slice(dist.length + 1)
          .split(sep)
          .join('/'),
      );
      const site = files.filter((file) => file !== 'sw.js' && !file.startsWith('models/')).sort();
      const hashes = JSON.stringify(
        Object.fromEntries(site.map((file) => [file, sha256(readFileSync(join(dist, file)))])),
        null,
        1,
      );
      const version = sha256(hashes).slice(0, 16);
      const head = `const FILES = ${hashes};\nconst VERSION = '${version}';\nconst ISOLATE = ${ISOLATE};\n`;
      writeFileSync(join(dist, 'sw.js'), head + readFileSync(new URL('./service-worker.js', import.meta.url), 'utf8'));
    },
  };
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
