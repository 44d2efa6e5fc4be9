import type { EngineInfo } from 'linnet';

// After the first visit the site works without a network: see service-worker.js.

/** Says, for as long as this tab is open, that a page was loaded once more to become isolated. */
const RELOADED = 'linnet-reloaded';

/** Has the site's files kept. Where that is not possible the site works all the same, as long as there is a network. */
export function keepSite(): void {
  if (import.meta.env.DEV || !('serviceWorker' in navigator)) return;
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    if (data === 'isolates') becomeIsolated();
  });
  // After what the page itself needs.
  const register = () => void navigator.serviceWorker.register(new URL('./sw.js', document.baseURI)).catch(() => {});
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}

/** Has the engine's file kept that this browser uses. */
export function keepModule({ module }: EngineInfo): void {
  void navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage({ module }));
}

/**
 * Loads the page once more, since the service worker has come that gives it the headers for several threads. Never twice, whatever
 * the browser makes of them; and not under the hands of somebody who has begun: then the next visit has them.
 */
function becomeIsolated(): void {
  if (crossOriginIsolated || navigator.userActivation?.hasBeenActive) return;
  try {
    if (sessionStorage.getItem(RELOADED)) return;
    sessionStorage.setItem(RELOADED, 'yes');
  } catch {
    // What cannot be noted could happen again and again.
    return;
  }
  location.reload();
}
