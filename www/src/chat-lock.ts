// Which tab writes a conversation: a duplicated tab shows the same one, and what the one writes must not undo what the other wrote.

/** Milliseconds for which another tab may hold a conversation before it is taken to be open there: a reload lets go of it late. */
const PATIENCE = 500;

/**
 * Takes the right to write a conversation, for as long as this page lives or until it is given back.
 *
 * @returns what gives it back; `undefined` where another tab has it. A browser without locks gives it to everybody: then the store
 * finds out when a conversation is written that another tab has changed.
 */
export function lockChat(id: string): Promise<(() => void) | undefined> {
  const { locks } = navigator as { locks?: LockManager };
  if (!locks) return Promise.resolve(() => {});
  return new Promise((resolve) => {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE);
    const hold = () => {
      clearTimeout(timer);
      return new Promise<void>((release) => resolve(release));
    };
    locks.request(`linnet-chat ${id}`, { signal: patience.signal }, hold).catch(() => {
      clearTimeout(timer);
      // Some frames have locks and may not use them.
      resolve(patience.signal.aborted ? undefined : () => {});
    });
  });
}
