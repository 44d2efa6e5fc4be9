// Recognizes the platform's objects by their internal slots. `instanceof` fails for those of another frame, which has
// classes of its own; browsers take them like this page's.

/** Throws for an object without the slot. */
type Getter = (this: unknown) => unknown;

function getterOf(owner: object | undefined, name: PropertyKey): Getter | undefined {
  return owner && (Object.getOwnPropertyDescriptor(owner, name)?.get as Getter | undefined);
}

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;
const kindOf = getterOf(TYPED_ARRAY, Symbol.toStringTag)!;

const SLOTS = {
  ArrayBuffer: getterOf(ArrayBuffer.prototype, 'byteLength'),
  SharedArrayBuffer: getterOf(globalThis.SharedArrayBuffer?.prototype, 'byteLength'),
  Blob: getterOf(globalThis.Blob?.prototype, 'size'),
  File: getterOf(globalThis.File?.prototype, 'lastModified'),
  URL: getterOf(globalThis.URL?.prototype, 'href'),
  Response: getterOf(globalThis.Response?.prototype, 'status'),
  ReadableStream: getterOf(globalThis.ReadableStream?.prototype, 'locked'),
};

function has(getter: Getter | undefined, value: unknown): boolean {
  if (!getter || typeof value !== 'object' || value === null) return false;
  try {
    getter.call(value);
    return true;
  } catch {
    return false;
  }
}

export const isArrayBuffer = (value: unknown): value is ArrayBuffer => has(SLOTS.ArrayBuffer, value);
export const isSharedMemory = (value: unknown): value is SharedArrayBuffer => has(SLOTS.SharedArrayBuffer, value);
export const isUint8Array = (value: unknown): value is Uint8Array => kindOf.call(value) === 'Uint8Array';
/** A proxy of a file is a `Blob` as well; it gets an error of its own where it is sent. */
export const isBlob = (value: unknown): value is Blob => has(SLOTS.Blob, value) || value instanceof Blob;
export const isFile = (value: unknown): value is File => has(SLOTS.File, value) || value instanceof File;
/** A proxy of a URL is a `URL` as well; it gets an error of its own where it is read. */
export const isUrl = (value: unknown): value is URL => has(SLOTS.URL, value) || value instanceof URL;
export const isResponse = (value: unknown): value is Response => has(SLOTS.Response, value);
export const isReadableStream = (value: unknown): value is ReadableStream => has(SLOTS.ReadableStream, value);
