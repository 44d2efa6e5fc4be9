/**
 * Asks the browser not to evict the models when space runs low. Nobody waits for the answer: it may never come (Firefox
 * asks the person), and a refusal does no harm.
 */
export function askToPersist(): void {
  const { storage } = navigator;
  storage
    ?.persisted?.()
    .then((persisted) => persisted || storage.persist())
    .catch(() => {});
}
