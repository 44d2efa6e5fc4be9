import { defineConfig } from 'vite';
import { guidePages } from './guides.ts';
import { GUIDES, PAGES, sharedParts } from './pages.ts';
import { serviceWorker } from './site-files.ts';

export default defineConfig({
  // Relative, so that the built site works from any path.
  base: './',
  // Errors end the build, and `cargo xtask` does not need the asset report.
  logLevel: 'warn',
  build: {
    target: 'es2022',
    // Assets are files, because a strict CSP allows neither inline scripts nor data: URLs.
    assetsInlineLimit: 0,
    rollupOptions: { input: [...new Set([...PAGES, ...GUIDES].map(({ file }) => file))] },
    modulePreload: { polyfill: false },
  },
  plugins: [guidePages(), sharedParts(), serviceWorker()],
  worker: { format: 'es' },
});
