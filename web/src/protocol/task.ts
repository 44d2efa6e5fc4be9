const channel = new MessageChannel();
/** Those that wait for a turn, in order. */
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/**
 * Lets the event loop turn once. A promise alone would not: in a worker the message that says "stop" would wait for the end of
 * what it is to stop, and in a page the next frame would. (A timer would, but browsers stretch nested ones to 4 ms.)
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(undefined);
  });
}
