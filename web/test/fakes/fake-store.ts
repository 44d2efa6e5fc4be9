import { createHash } from 'node:crypto';
import { CacheWriter, type ModelCache } from '../../src/store/cache.ts';
import { Journal } from '../../src/store/journal.ts';
import type { TabLock } from '../../src/store/tab-lock.ts';
import type { WasmHash } from '../../src/protocol/wasm.ts';

/** The wasm's hash functions, implemented with Node's. */
export class Sha256 implements WasmHash {
  readonly #hash = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  hex(): string {
    return this.#hash.copy().digest('hex');
  }

  free(): void {}
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A file in memory with the interface of a sync access handle. */
export class FakeFile {
  bytes = new Uint8Array(0);
  /** The browser's limit in bytes. */
  most = Infinity;
  /** Whether it reports a full disk. Chromium's private windows do not: they write what fits, and count wrongly. */
  honest = true;
  /** Whether the site's data was cleared: then every operation on the file fails. */
  gone = false;

  handle(): FileSystemSyncAccessHandle {
    return {
      read: (buffer, { at = 0 } = {}) => {
        this.#checkThere();
        const part = this.bytes.subarray(at, at + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: (buffer, { at = 0 } = {}) => {
        this.#checkThere();
        const end = at + buffer.length;
        if (end > this.most) {
          if (this.honest) throw new DOMException('full', 'QuotaExceededError');
          return 2 ** 32 - 8;
        }
        if (end > this.bytes.length) this.truncate(end);
        this.bytes.set(buffer, at);
        return buffer.length;
      },
      truncate: (size) => {
        this.#checkThere();
        if (size <= Math.max(this.most, this.bytes.length)) this.truncate(size);
        else if (this.honest) throw new DOMException('full', 'QuotaExceededError');
      },
      getSize: () => {
        this.#checkThere();
        return this.bytes.length;
      },
      flush: () => this.#checkThere(),
      close: () => {},
    };
  }

  #checkThere(): void {
    if (this.gone) throw new DOMException('gone', 'InvalidStateError');
  }

  truncate(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, size));
    this.bytes = bytes;
  }
}

/** One entry of a store. It outlives its writers. */
export class FakeEntry {
  data = new FakeFile();
  log = new FakeFile();

  /** The journal that the next visit finds. */
  journal(): Journal | undefined {
    return Journal.parse(new TextDecoder().decode(this.log.bytes));
  }

  writer(): CacheWriter {
    const cache = {
      sum: sha256,
      remove: async () => {
        this.data = new FakeFile();
        this.log = new FakeFile();
      },
    } as unknown as ModelCache;
    const lock = { say: () => {}, release: () => {} } as unknown as TabLock;
    return new CacheWriter(cache, 'key', lock, this.data.handle(), this.log.handle());
  }
}

/** Sets the browser's estimate of its space, which may be wrong. */
export function setRoom(quota: number, usage = 0): void {
  const storage = { estimate: async () => ({ quota, usage }) };
  Object.defineProperty(globalThis, 'navigator', { value: { storage }, configurable: true });
}
