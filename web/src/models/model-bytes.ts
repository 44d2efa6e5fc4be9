import { isArrayBuffer, isReadableStream, isResponse, isSharedMemory, isUint8Array } from '../protocol/brands.ts';
import { aborted, LinnetError } from '../protocol/errors.ts';
import { described, reading, wrong } from '../protocol/plain.ts';
import type { ModelFile } from './sources.ts';
import type { Watching } from '../protocol/read-options.ts';
import { throttle } from '../protocol/throttle.ts';

/**
 * The bytes of a GGUF file that the page already has or downloads itself. A stream or `Response` is read to its end
 * before the model is loaded, so that the model can be loaded again after a failure; the browser keeps the bytes, on
 * disk if they are many. They are not stored, and a broken stream cannot be resumed.
 */
export type ModelBytes = ArrayBuffer | ArrayBufferView<ArrayBuffer> | ReadableStream<Uint8Array> | Response;

/** The parts of a split model, in order; some may be given as bytes. */
export type ModelParts = readonly (ModelFile | ArrayBuffer | ArrayBufferView<ArrayBuffer>)[];

/**
 * Turns bytes into a file; returns anything else unchanged, in an object: a promise must not be awaited here, since it
 * is not a model.
 *
 * @throws LinnetError `invalid-request` for a stream that somebody has read and for a value that cannot be read;
 * `not-found`, `http`, `network`, `aborted`
 */
export async function fileOf<T>(
  source: T | ModelBytes,
  onProgress: Watching['onProgress'],
  signal: AbortSignal | undefined,
): Promise<{ source: T | Blob }> {
  const given = reading(
    () => 'model',
    () => bytesAsFile(source),
  );
  if (given !== undefined) return { source: given };
  if (isReadableStream(source)) return { source: await readWhole(source, undefined, onProgress, signal) };
  if (!isResponse(source)) return { source: notProxied(source) };
  const { status, url, body, bodyUsed } = source;
  const details = { status, url };
  if (status === 404 || status === 410) {
    throw new LinnetError('not-found', `There is no file at ${url}.`, details);
  }
  if (status === 0) {
    throw wrong(
      'model',
      source,
      'is a Response that this page cannot read: the request failed, or the server does not allow CORS',
    );
  }
  if (!source.ok) throw new LinnetError('http', `The server answered with status ${status}: ${url}`, details);
  if (bodyUsed || !body) {
    throw wrong('model', source, 'is a Response that has no body, or was already read: fetch it again');
  }
  // The header says the compressed length.
  const length = source.headers.get('content-encoding') ? NaN : Number(source.headers.get('content-length'));
  return { source: await readWhole(body, length > 0 ? length : undefined, onProgress, signal) };
}

/** Whether it is bytes, or something that they can be read from. */
export function isModelBytes(source: unknown): source is ModelBytes {
  return isBytes(source) || isReadableStream(source) || isResponse(source);
}

/** Bytes in memory as a file, also among the parts of a split model; `undefined` for anything else. */
function bytesAsFile<T>(source: T | ModelBytes): T | Blob | undefined {
  if (isBytes(source)) return blobOf(source, 'model');
  if (!Array.isArray(source)) return undefined;
  return source.map((part, index) => (isBytes(part) ? blobOf(part, `model[${index}]`) : part)) as T;
}

/** Also accepts proxies of bytes, which get an error of their own later. */
function isBytes(source: unknown): source is ArrayBuffer | ArrayBufferView<ArrayBuffer> {
  return (
    isArrayBuffer(source) || ArrayBuffer.isView(source) || source instanceof ArrayBuffer || source instanceof TypedArray
  );
}

const TypedArray = Object.getPrototypeOf(Uint8Array) as Uint8ArrayConstructor;

/** @param field what the bytes are called in errors */
function blobOf(bytes: ArrayBuffer | ArrayBufferView<ArrayBuffer>, field: string): Blob {
  const proxied = 'is a proxy of bytes, which cannot be read: pass the bytes themselves';
  const isView = ArrayBuffer.isView(bytes);
  if (!isView && bytes instanceof TypedArray) throw wrong(field, bytes, proxied);
  const memory = isView ? bytes.buffer : bytes;
  if (isSharedMemory(memory)) {
    throw wrong(field, bytes, 'is shared memory: pass a copy of its bytes (`.slice()`)');
  }
  if (!isArrayBuffer(memory)) throw wrong(field, bytes, proxied);
  try {
    // Some browsers make an empty file of detached memory.
    memory.slice(0, 0);
    return new Blob([bytes]);
  } catch {
    throw wrong(field, bytes, 'is empty, since its memory was transferred elsewhere: read the bytes again');
  }
}

/** Rejects proxies of what can be read. @throws LinnetError `invalid-request` */
function notProxied<T>(source: T | ModelBytes): T {
  for (const kind of [ReadableStream, Response]) {
    if (source instanceof kind) {
      throw wrong('model', source, `is a proxy of a ${kind.name}, which cannot be read: pass the ${kind.name} itself`);
    }
  }
  return source as T;
}

async function readWhole(
  stream: ReadableStream<Uint8Array>,
  total: number | undefined,
  onProgress: Watching['onProgress'],
  signal: AbortSignal | undefined,
): Promise<Blob> {
  if (stream.locked) throw wrong('model', stream, 'is a stream that is already being read');
  let loaded = 0;
  let fault: LinnetError | undefined;
  // If the caller's function throws, the error is reported and the stream continues.
  const report = throttle((progress) => queueMicrotask(() => onProgress?.(progress)), 100);
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(bytes, controller) {
      if (!isUint8Array(bytes)) {
        throw (fault = wrong('model', bytes, `is a stream of ${described(bytes)}, but must be a stream of bytes`));
      }
      controller.enqueue(bytes);
      loaded += bytes.length;
      report({ phase: 'download', loaded, ...(total === undefined ? {} : { total }) });
    },
  });
  try {
    return await new Response(stream.pipeThrough(counter, signal ? { signal } : {})).blob();
  } catch (error) {
    if (signal?.aborted) throw aborted();
    if (fault) throw fault;
    const text = `The stream broke after ${loaded} bytes. Load the model again.`;
    throw new LinnetError('network', text, { loaded, cause: String(error) });
  }
}
