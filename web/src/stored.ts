import { models } from './index.ts';

/**
 * Whether a model is in this browser's storage, so that loading it needs no download.
 *
 * @param model the id of a listed model, or an address
 */
export async function isStored(model: string | URL): Promise<boolean> {
  try {
    const whole = (await models.stored()).filter((stored) => stored.whole);
    const listed = models.get(String(model));
    if (listed) return whole.filter((stored) => stored.model?.id === listed.id).length >= listed.files.length;
    const address = new URL(model, globalThis.document?.baseURI).href;
    return whole.some(({ source }) => source === address);
  } catch {
    // No storage, or no address: Linnet.load will say.
    return false;
  }
}
