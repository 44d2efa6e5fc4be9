import type { EngineInfo } from 'linnet';

// After the first visit the site works without a network: see service-worker.js.

/** Has the site's files kept. Where that is not possible the site works all the same, as long as there is a network. */
export function keepSite(): void {
  if (import.meta.env.DEV || !('serviceWorker' in navigator)) return;
  // After what the page itself needs.
  const register = () => void navigator.serviceWorker.register(new URL('./sw.js', document.baseURI)).catch(() => {});
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}

/** Has the engine's file kept that this browser uses. */
export function keepModule({ module }: EngineInfo): void {
  void navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage({ module }));
}
