/// <reference path="./worker-scope.d.ts" />
import { abandon, initSync, takeSlot, work } from '../../wasm/linnet.js';

// A thread of the engine: a worker that shares the engine's module and memory, and computes for it.

/** The first and only message from the engine's worker. */
export interface ThreadOrder {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Bytes of this thread's stack. */
  stack: number;
}

/** A thread's only message: it will compute, or there is no work for it. */
export type ThreadReport = 'ready' | 'unwanted';

const scope = globalThis as unknown as {
  postMessage(report: ThreadReport): void;
  onmessage: ((event: MessageEvent<ThreadOrder>) => void) | null;
};

scope.onmessage = ({ data: { module, memory, stack } }) => {
  initSync({ module, memory, thread_stack_size: stack });
  const slot = takeSlot();
  scope.postMessage(slot === undefined ? 'unwanted' : 'ready');
  if (slot === undefined) return;
  try {
    // Never returns, so this worker receives no second message.
    work(slot);
  } catch (error) {
    abandon();
    throw error;
  }
};
