import type { EngineInfo } from 'linnet';

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
  const state = new OfflineState(hear);
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    if (data === 'isolates') becomeIsolated();
    if (typeof data?.notKept === 'string') state.failed(data.notKept);
  });
  // After what the page itself needs.
  const register = () => {
    navigator.serviceWorker.register(new URL('./sw.js', document.baseURI)).then(
      (registration) => state.watch(registration),
      (error: unknown) => state.failed(error instanceof Error ? error.message : String(error)),
    );
  };
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}

/** What is known of the service worker that is there, and of the one that comes. */
class OfflineState {
  #older = false;
  #why: string | undefined;

  constructor(private readonly hear: HearOffline) {}

  watch({ active, installing, waiting }: ServiceWorkerRegistration): void {
    this.#older = active !== null;
    if (active) this.hear('yes');
    const coming = installing ?? waiting;
    const look = () => {
      if (coming?.state === 'activated') this.hear('yes');
      else if (coming?.state === 'redundant') this.failed();
      else if (coming && !active) this.hear('not yet: the site is being stored');
    };
    coming?.addEventListener('statechange', look);
    look();
  }

  /** The one that comes could not store the site. It may say why before or after the browser says that it has failed. */
  failed(why = this.#why ?? 'the browser does not say why'): void {
    this.#why = why;
    this.hear(this.#older ? `yes, but a newer version could not be stored: ${why}` : `no: ${why}`);
  }
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
