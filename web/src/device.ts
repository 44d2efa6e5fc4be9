/** What kind of GPU WebGPU offers here. `software` is a CPU that plays one: correct, but slower than the CPU path. */
export type GpuKind = 'hardware' | 'software' | 'none';

/** Asks the browser for a GPU. Never throws. */
export async function probeGpu(): Promise<GpuKind> {
  try {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return 'none';
    // Chromium 136 and Firefox 140 moved the flag from the adapter to its info.
    const { isFallbackAdapter } = adapter as { isFallbackAdapter?: boolean };
    return (adapter.info?.isFallbackAdapter ?? isFallbackAdapter) ? 'software' : 'hardware';
  } catch {
    return 'none';
  }
}

/** Whether wasm SIMD works here. All engines of the last years have it; some hardened modes switch it off. */
export function hasSimd(): boolean {
  // (module (func (result v128) (v128.const i32x4 0 0 0 0)))
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12];
  return WebAssembly.validate(new Uint8Array([...module, ...new Array<number>(16).fill(0), 11]));
}

/** Whether wasm relaxed SIMD works here: Chromium has it since 114, Firefox since 145. */
export function hasRelaxedSimd(): boolean {
  // (module (func (param v128 v128 v128) (result v128)
  //   (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get 0) (local.get 1) (local.get 2))))
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 147, 2, 11];
  return WebAssembly.validate(new Uint8Array(module));
}

/** Whether threads can share a wasm memory here: the page is cross-origin isolated, and the engine knows atomic instructions. */
export function canShareMemory(): boolean {
  if (!globalThis.crossOriginIsolated) return false;
  // (module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11];
  return WebAssembly.validate(new Uint8Array(module));
}
