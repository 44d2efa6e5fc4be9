/** The kind of GPU that WebGPU offers. `software` is emulated on the CPU: correct, but slower than the CPU path. */
export type GpuKind = 'hardware' | 'software' | 'none';

/** What is known about the GPU before a model is loaded. */
export interface GpuProbe {
  kind: GpuKind;
  /** Bytes of the largest buffer, and of the largest buffer that a shader can bind. */
  maxBufferSize?: number;
  maxStorageBufferBindingSize?: number;
  /** WebGPU's optional features, such as `shader-f16` and `subgroups`. */
  features: string[];
  /** Its maker and kind, if the browser tells. */
  vendor?: string;
  architecture?: string;
}

/** Asks the browser for a GPU. Never throws. */
export async function probeGpu(): Promise<GpuKind> {
  return (await probeGpuFully()).kind;
}

/** Asks the browser for a GPU and its properties. Never throws. */
export async function probeGpuFully(): Promise<GpuProbe> {
  try {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return { kind: 'none', features: [] };
    // Chromium 136 and Firefox 140 moved the flag from the adapter to its info.
    const { isFallbackAdapter } = adapter as { isFallbackAdapter?: boolean };
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const { vendor = '', architecture = '' } = adapter.info ?? {};
    const names = { ...(vendor ? { vendor } : {}), ...(architecture ? { architecture } : {}) };
    const kind = (adapter.info?.isFallbackAdapter ?? isFallbackAdapter) ? 'software' : 'hardware';
    return { kind, maxBufferSize, maxStorageBufferBindingSize, features: [...adapter.features].sort(), ...names };
  } catch {
    return { kind: 'none', features: [] };
  }
}

/** Whether wasm SIMD works. All recent browsers have it, but some hardened modes turn it off. */
export function hasSimd(): boolean {
  // (module (func (result v128) (v128.const i32x4 0 0 0 0)))
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12];
  return WebAssembly.validate(new Uint8Array([...module, ...new Array<number>(16).fill(0), 11]));
}

/**
 * Whether the dot instruction of relaxed SIMD is fast here, so that the module that uses it pays off. It is one
 * instruction on ARM and on newer x86 processors, but several on others, where plain SIMD is faster. Its result for
 * operands outside its defined range tells them apart.
 */
export function hasFastRelaxedSimd(): boolean {
  // (module (func (export "dot") (result i32) (i32x4.extract_lane 0 (i32x4.relaxed_dot_i8x16_i7x16_add_s
  //   (i8x16.splat (i32.const 127)) (i8x16.splat (i32.const -1)) (i32x4.splat (i32.const 1))))))
  const module = new Uint8Array([
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 100, 111, 116, 0, 0],
    ...[10, 23, 1, 21, 0, 65, 255, 0, 253, 15, 65, 127, 253, 15, 65, 1, 253, 17, 253, 147, 2, 253, 27, 0, 11],
  ]);
  if (!WebAssembly.validate(module)) return false;
  const { dot } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports as { dot: () => number };
  // With signed bytes (ARM's sdot), 4 * 127 * -1 + 1; with unsigned and signed ones (vpdpbusd), 4 * 127 * 255 + 1.
  return [-507, 129_541].includes(dot());
}

/**
 * Whether threads can share a wasm memory: the page is cross-origin isolated, the browser has atomic instructions, and
 * such a memory can be sent to a worker. (WebKitGTK creates such memories on isolated pages, but cannot send them.)
 */
export function canShareMemory(): boolean {
  if (!globalThis.crossOriginIsolated) return false;
  // (module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))
  const module = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0,
    26, 11,
  ];
  return (
    WebAssembly.validate(new Uint8Array(module)) &&
    canHandOver(() => new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true }))
  );
}

/** Whether a message can contain the value. */
function canHandOver(make: () => unknown): boolean {
  const { port1 } = new MessageChannel();
  try {
    port1.postMessage(make());
    return true;
  } catch {
    return false;
  } finally {
    port1.close();
  }
}
