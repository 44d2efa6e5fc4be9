// What a dedicated worker has and TypeScript's DOM library leaves out. (Its WebWorker library cannot be used beside
// the DOM one, and the package's two halves share modules.)

interface FileSystemSyncAccessHandle {
  read(buffer: Uint8Array, options?: { at?: number }): number;
  write(buffer: Uint8Array, options?: { at?: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}

// Newer than TypeScript's libraries.
interface GPUAdapterInfo {
  readonly isFallbackAdapter?: boolean;
}

// wasm-bindgen's output lies beside the sources only after a build; until then this says what it will be. Once it is
// there, its own declarations take precedence, and a difference between the two is a type error in worker.ts.
declare module '*/wasm/linnet.js' {
  import type { WasmModule } from './wasm.ts';
  function init(options: { module_or_path: Response }): Promise<{ memory: WebAssembly.Memory }>;
  export default init;
  export const Sha256: WasmModule['Sha256'];
  export const Loader: WasmModule['Loader'];
}
