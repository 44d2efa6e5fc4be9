// A step of the build: writes the service worker, which has to know all files of the site.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Plugin } from 'vite';

/**
 * Whether the service worker makes the pages cross-origin isolated. It stands in the beginning of `sw.js`, where it can
 * be changed later.
 */
const ISOLATE = Boolean(process.env['LINNET_ISOLATE']);

/** Writes `sw.js` into the built site. Its bytes change when a file of the site does, which is how browsers notice. */
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
      const head = `const FILES = ${hashes};\nconst VERSION = '${sha256(hashes).slice(0, 16)}';\nconst ISOLATE = ${ISOLATE};\n`;
      writeFileSync(join(dist, 'sw.js'), head + readFileSync(new URL('./service-worker.js', import.meta.url), 'utf8'));
    },
  };
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
