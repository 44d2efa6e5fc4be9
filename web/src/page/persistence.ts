/**
 * Asks the browser not to throw the models away when room gets scarce. It answers when it likes, or never (Firefox asks the
 * person), and a no is no harm: so nobody waits for it.
 */
export function askToPersist(): void {
  const { storage } = navigator;
  storage?.persisted?.().then((persisted) => persisted || storage.persist()).catch(() => {});
}
