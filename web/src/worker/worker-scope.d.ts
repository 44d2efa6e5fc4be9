// What TypeScript's WebWorker library does not have yet.

interface FileSystemFileHandle {
  /** Without a mode, or in browsers that know none, the handle is the only one. */
  createSyncAccessHandle(options?: { mode: 'read-only' }): Promise<FileSystemSyncAccessHandle>;
}

// wasm-bindgen's output exists only after a build; until then this says what it will be. Once it exists, its own
// declarations take precedence, and a difference between the two is a type error where it is used.
declare module '*/wasm/linnet.js' {
  import type { WasmModule } from '../protocol/wasm.ts';
  export function initSync(options: {
    module: WebAssembly.Module;
    memory: WebAssembly.Memory;
    thread_stack_size?: number;
  }): unknown;
  export const Checksum: WasmModule['Checksum'];
  export const Sha256: WasmModule['Sha256'];
  export const Loader: WasmModule['Loader'];
  export function takeSlot(): number | undefined;
  export function work(slot: number): void;
  export function abandon(): void;
}

declare module '*/wasm/constraint.js' {
  export function initSync(options: { module: WebAssembly.Module }): unknown;
  export function __wbg_reset_state(): void;
  export class Vocabulary {
    constructor(bytes: Uint8Array, lengths: Uint32Array);
    compile(spec: string): unknown;
  }
}
