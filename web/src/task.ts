const channel = new MessageChannel();

/**
 * Lets the worker's event loop turn once. A promise alone would not: without a turn, the message that says "stop" would
 * wait for the end of what it is to stop. (A timer would, but browsers stretch nested ones to 4 ms.)
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    channel.port1.onmessage = () => resolve();
    channel.port2.postMessage(undefined);
  });
}
