import { keyOf } from './library.ts';
import { models } from './index.ts';
import { resolveModel } from './sources.ts';

/**
 * Whether a model is in this browser's storage, so that loading it needs no download. All files count that `Linnet.load` would read.
 *
 * @param model the id of a listed model, or an address
 */
export async function isStored(model: string | URL): Promise<boolean> {
  try {
    const files = resolveModel(model, [], globalThis.document?.baseURI ?? globalThis.location.href);
    const stored = await models.stored();
    const whole = new Set(stored.filter((entry) => entry.whole).map(({ key }) => key));
    const keys = await Promise.all(files.flatMap((file) => (file.kind === 'remote' ? keyOf(file) : [])));
    return keys.every((key) => whole.has(key));
  } catch {
    // No storage, or no address: Linnet.load will say.
    return false;
  }
}
