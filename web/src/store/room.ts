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
