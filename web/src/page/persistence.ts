/**
 * Asks the browser not to evict the models when space runs low. The answer is not awaited: it may never come (Firefox
 * asks the person), and a refusal has no consequences.
 */
export function askToPersist(): void {
  const { storage } = navigator;
  storage
    ?.persisted?.()
    .then((persisted) => persisted || storage.persist())
    .catch(() => {});
}
