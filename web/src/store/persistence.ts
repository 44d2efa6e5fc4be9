/**
 * Asks the browser not to throw the models away when room gets scarce. It answers when it likes, or never (Firefox asks the
 * person), and a no is no harm: so nobody waits for it.
 */
export function askToPersist(): void {
  const { storage } = navigator;
  storage?.persisted?.().then((persisted) => persisted || storage.persist()).catch(() => {});
}

const GIB = 2 ** 30;

/**
 * What the browser says of the room that it gives: a hint, and no reason to refuse anything. Chromium says that 10 GiB are free
 * whatever the disk has, or the size of a smaller disk in whole GiB: that says nothing and is left out.
 *
 * @throws DOMException, TypeError where nothing can be stored
 */
export async function roomHint(): Promise<{ quota?: number; free?: number }> {
  const { quota, usage } = await navigator.storage.estimate();
  if (quota === undefined || usage === undefined) return {};
  const free = Math.max(0, quota - usage);
  return free > 0 && free % GIB === 0 ? {} : { quota, free };
}
