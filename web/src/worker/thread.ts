/// <reference path="./worker-scope.d.ts" />
import { abandon, initSync, takeSeat, work } from '../../wasm/linnet.js';

// A thread of the engine: a worker that has the engine's module and memory, and computes what the engine asks for.

/** What the engine's worker sends, once. */
export interface ThreadOrder {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Bytes of this thread's stack. */
  stack: number;
}

/** What a thread answers, once: it will compute, or there is no work for it. */
export type ThreadReport = 'ready' | 'unwanted';

const scope = globalThis as unknown as {
  postMessage(report: ThreadReport): void;
  onmessage: ((event: MessageEvent<ThreadOrder>) => void) | null;
};

scope.onmessage = ({ data: { module, memory, stack } }) => {
  initSync({ module, memory, thread_stack_size: stack });
  const seat = takeSeat();
  scope.postMessage(seat === undefined ? 'unwanted' : 'ready');
  if (seat === undefined) return;
  try {
    // Never comes back, so this worker takes no second message.
    work(seat);
  } catch (error) {
    abandon();
    throw error;
  }
};
