import { canShareMemory, type GpuProbe, hasSimd, probeGpuFully } from '../protocol/device.ts';
import { MOST_PAGES, PAGE, usualThreads } from '../protocol/wasm-memory.ts';
import { roomHint } from '../store/room.ts';

/** What is known about a device and its browser before a model is loaded. */
export interface DeviceProbe {
  gpu: GpuProbe;
  /** Bytes of main memory, rounded, if the browser tells (Chromium does). */
  memory: number | undefined;
  /** Whether it is a phone or a tablet, where a page that uses too much memory is killed. */
  mobile: boolean;
  /** Logical processors. */
  cores: number;
  /** Whether the page is cross-origin isolated. Otherwise there is only one thread. */
  isolated: boolean;
  /** Threads that the CPU path would use. */
  threads: number;
  simd: boolean;
  /** The largest wasm memory, in bytes. */
  wasmMemory: number;
  /**
   * Absent if the browser stores nothing. `quota` and `free` are the browser's estimates in bytes; they are absent if
   * it reports the same on every device.
   */
  storage?: { quota?: number; free?: number; persisted: boolean };
}

/** Probes the device. Never throws, downloads nothing and shows no permission prompt. */
export async function probeDevice(): Promise<DeviceProbe> {
  const { deviceMemory, userAgentData } = navigator as { deviceMemory?: number; userAgentData?: { mobile: boolean } };
  const cores = navigator.hardwareConcurrency ?? 1;
  const isolated = canShareMemory();
  const [gpu, storage] = await Promise.all([probeGpuFully(), probeStorage()]);
  return {
    gpu,
    memory: deviceMemory === undefined ? undefined : deviceMemory * 2 ** 30,
    // iPads claim to be Macs, but no Mac has a touch screen.
    mobile:
      userAgentData?.mobile ??
      (/Android|iPhone|iPad|Mobile/.test(navigator.userAgent) ||
        (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)),
    cores,
    isolated,
    threads: isolated ? usualThreads(cores) : 1,
    simd: hasSimd(),
    wasmMemory: MOST_PAGES * PAGE,
    ...(storage ? { storage } : {}),
  };
}

async function probeStorage(): Promise<DeviceProbe['storage']> {
  try {
    await navigator.storage.getDirectory();
    return { ...(await roomHint()), persisted: await navigator.storage.persisted() };
  } catch {
    return undefined;
  }
}
