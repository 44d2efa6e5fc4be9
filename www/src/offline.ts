import type { EngineInfo } from 'linnet';
import { nextTask } from './page.ts';

// After the first visit the site works without a network: see service-worker.js.

/** Says, for as long as this tab is open, that a page was loaded once more to become isolated. */
const RELOADED = 'linnet-reloaded';

/** Whether the site works without a network: `yes`, `not yet`, or `no` with the reason. Each line may be followed by a better one. */
export type HearOffline = (state: string) => void;

/** Has the site's files kept. Where that is not possible the site works all the same, as long as there is a network. */
export function keepSite(hear: HearOffline = () => {}): void {
  if (import.meta.env.DEV) return hear('no: this is a development server');
  if (!('serviceWorker' in navigator)) {
    return hear(isSecureContext ? 'no: this browser allows no service worker here' : 'no: the page is not served over HTTPS');
  }
  let why = 'the browser does not say why; reload the page';
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    if (data === 'isolates') becomeIsolated();
    if (typeof data?.notKept === 'string') why = data.notKept;
  });
  // After what the page itself needs.
  const register = () => {
    navigator.serviceWorker.register(new URL('./sw.js', document.baseURI)).then(
      (registration) => watch(registration, () => why, hear),
      (error: unknown) => hear(`no: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}

/** Says what becomes of the service worker that is there, or comes. */
function watch({ active, installing, waiting }: ServiceWorkerRegistration, why: () => string, hear: HearOffline): void {
  if (active) hear('yes');
  const coming = installing ?? waiting;
  if (!coming) return;
  const tell = async () => {
    if (coming.state === 'activated') return hear('yes');
    if (coming.state !== 'redundant') return active ? undefined : hear('not yet: the site is being stored');
    // What it had to say may come a moment later.
    await nextTask();
    hear(active ? `yes, in an older version: the new one could not be stored (${why()})` : `no: ${why()}`);
  };
  coming.addEventListener('statechange', () => void tell());
  void tell();
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
