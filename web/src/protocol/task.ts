const channel = new MessageChannel();
/** Functions that wait for a task, in order. */
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/**
 * Waits for the next task of the event loop. A promise alone would not let it run: in a worker the message to stop
 * would wait until the work is done, and in a page the next frame would wait. (Browsers delay nested timers by 4 ms.)
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(undefined);
  });
}
