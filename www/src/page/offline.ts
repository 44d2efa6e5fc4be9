import type { EngineInfo } from 'linnet';

// After the first visit the site works without a network: see service-worker.js.

/** Records for this tab that a page was reloaded to become isolated. */
const RELOADED = 'linnet-reloaded';

/**
 * Whether the site works offline: `yes`, `not yet`, or `no` with the reason. Each line may be followed by a better one.
 */
export type HearOffline = (state: string) => void;

/** Stores the site's files. If that is not possible, the site still works online. */
export function keepSite(hear: HearOffline = () => {}): void {
  if (import.meta.env.DEV) return hear('no: this is a development server');
  if (!('serviceWorker' in navigator)) {
    return hear(
      isSecureContext ? 'no: this browser allows no service worker here' : 'no: the page is not served over HTTPS',
    );
  }
  const state = new OfflineState(hear);
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    if (data === 'isolates') becomeIsolated();
    if (typeof data?.notKept === 'string') state.failed(data.notKept);
  });
  // After the page's own files.
  const register = () => {
    navigator.serviceWorker.register(new URL('./sw.js', document.baseURI)).then(
      (registration) => state.watch(registration),
      (error: unknown) => state.failed(error instanceof Error ? error.message : String(error)),
    );
  };
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}

/** The state of the current service worker, and of a new one. */
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

  /** The new one could not store the site. It may give the reason before or after the browser reports the failure. */
  failed(why = this.#why ?? 'the browser does not say why'): void {
    this.#why = why;
    this.hear(this.#older ? `yes, but a newer version could not be stored: ${why}` : `no: ${why}`);
  }
}

/** Stores the engine's file that this browser uses. */
export function keepModule({ module }: EngineInfo): void {
  void navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage({ module }));
}

/**
 * Reloads the page once the service worker adds the headers that threads need. Never twice, even if the browser ignores
 * the headers; and not while somebody is using the page: then the next visit has them.
 */
function becomeIsolated(): void {
  if (crossOriginIsolated || navigator.userActivation?.hasBeenActive) return;
  try {
    if (sessionStorage.getItem(RELOADED)) return;
    sessionStorage.setItem(RELOADED, 'yes');
  } catch {
    // Without the record it could reload forever.
    return;
  }
  location.reload();
}
