import { canShareMemory, type GpuProbe, hasSimd, probeGpuFully } from '../protocol/device.ts';
import { MOST_PAGES, PAGE, usualThreads } from '../protocol/wasm-memory.ts';
import { roomHint } from '../store/room.ts';

/** What is known of a device and its browser before a model is loaded. */
export interface DeviceProbe {
  gpu: GpuProbe;
  /** Bytes of main memory, rounded, where the browser says so (Chromium does). */
  memory: number | undefined;
  /** Whether it is a phone or a tablet: there a page that takes too much is killed. */
  mobile: boolean;
  /** Logical processors. */
  cores: number;
  /** Whether the page is cross-origin isolated, without which there is one thread. */
  isolated: boolean;
  /** Threads that the CPU path would have. */
  threads: number;
  simd: boolean;
  /** Bytes that a wasm memory can have. */
  wasmMemory: number;
  /**
   * Absent where the browser stores nothing. Bytes that it gives to the page, and those that are still free, are its guesses; they
   * are absent where it says the same of every device.
   */
  storage?: { quota?: number; free?: number; persisted: boolean };
}

/** Asks for all of it. Never throws, downloads nothing and asks the person nothing. */
export async function probeDevice(): Promise<DeviceProbe> {
  const { deviceMemory, userAgentData } = navigator as { deviceMemory?: number; userAgentData?: { mobile: boolean } };
  const cores = navigator.hardwareConcurrency ?? 1;
  const isolated = canShareMemory();
  const [gpu, storage] = await Promise.all([probeGpuFully(), probeStorage()]);
  return {
    gpu,
    memory: deviceMemory === undefined ? undefined : deviceMemory * 2 ** 30,
    // iPads say that they are Macs, but no Mac has a touch screen.
    mobile: userAgentData?.mobile ?? (/Android|iPhone|iPad|Mobile/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)),
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
