const GIB = 2 ** 30;

/**
 * The browser's estimate of the space for this site. It is no reason to reject a download. Chromium reports 10 GiB of
 * free space whatever the disk has, or a smaller disk's size in whole GiB; such numbers are left out.
 *
 * @throws DOMException, TypeError if nothing can be stored
 */
export async function roomHint(): Promise<{ quota?: number; free?: number }> {
  const { quota, usage } = await navigator.storage.estimate();
  if (quota === undefined || usage === undefined) return {};
  const free = Math.max(0, quota - usage);
  return free > 0 && free % GIB === 0 ? {} : { quota, free };
}
