import { aborted } from '../protocol/errors.ts';
import { fileError } from '../download/package-file.ts';

/**
 * Fetches and compiles a wasm module of the package.
 *
 * @throws LinnetError why it could not be loaded
 */
export async function fetchModule(url: URL, signal: AbortSignal): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw signal.aborted ? aborted() : fileError(url.href, undefined, error);
  }
  const { status } = response;
  const type = response.headers.get('Content-Type');
  if (!response.ok) throw fileError(url.href, { status, type });
  try {
    if (type?.startsWith('application/wasm')) return await WebAssembly.compileStreaming(response);
    // A server that does not know the type of .wasm files is fine, but not one that sends a page.
    const bytes = await response.arrayBuffer();
    if (!isWasm(bytes)) throw fileError(url.href, { status, type, foreign: true });
    return await WebAssembly.compile(bytes);
  } catch (error) {
    if (signal.aborted) throw aborted();
    // A TypeError, or in Firefox an AbortError, means that the body broke off; other errors are the module's own.
    const broke = error instanceof TypeError || (error instanceof DOMException && error.name === 'AbortError');
    throw broke ? fileError(url.href, undefined, error) : error;
  }
}

/** Whether a file begins like WebAssembly, with a zero byte and `asm`. */
function isWasm(bytes: ArrayBuffer): boolean {
  return bytes.byteLength >= 4 && new DataView(bytes).getUint32(0) === 0x0061736d;
}
