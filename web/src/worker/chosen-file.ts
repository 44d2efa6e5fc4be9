import { LinnetError, toLinnetError } from '../protocol/errors.ts';
import { plainName } from '../protocol/text.ts';
import { blobSlices } from '../store/slices.ts';

// Files that the person chose. The browser refuses to read them once they have changed.

/**
 * The bytes of a chosen file.
 *
 * @throws LinnetError `not-found` if it was changed, moved or deleted after it was chosen
 */
export async function* chosenSlices(blob: Blob, slice?: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    // A file that was deleted may look empty until it is read.
    if (blob.size === 0) await blob.arrayBuffer();
    yield* blobSlices(blob, slice);
  } catch (error) {
    if (!(error instanceof DOMException) || error.name === 'AbortError') throw error;
    const name = nameOf(blob);
    const what = name === null ? 'The file' : `The file "${plainName(name)}"`;
    throw new LinnetError(
      'not-found',
      `${what} can no longer be read. If it was changed, moved or deleted after it was chosen, choose the file again.`,
      { file: name, cause: `${error.name}: ${error.message}` },
    );
  }
}

/** Adds to an error that it is about a chosen file: `details.file` is the file's name, or null if it has none. */
export function aboutChosen(error: unknown, blob: Blob): LinnetError {
  const { code, message, details } = toLinnetError(error);
  return new LinnetError(code, message, { file: nameOf(blob), ...details });
}

function nameOf(blob: Blob): string | null {
  return blob instanceof File ? blob.name : null;
}
