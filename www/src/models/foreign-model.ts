import { models, type ModelSource } from 'linnet';
import { bytes } from '../page/format.ts';
import { addressIn, nameOf } from '../page/load-settings.ts';

// A model on another host, which a link has brought: the person is asked before it is fetched and kept.

/** Milliseconds after which a host that does not say how large its file is is asked no longer. */
const PATIENCE = 8000;
/** The address of a split model's first part, with the number of the parts. */
const PARTS = /-\d{5}-of-(\d{5})\.gguf$/i;

/** What a question before a download says of it. */
export interface ForeignModel {
  url: URL;
  name: string;
  host: string;
}

/**
 * The model that an address leads to, if it is on another host and nothing of it is in this browser yet: whoever has begun to fetch it
 * was asked before.
 */
export async function foreignModel(model: ModelSource): Promise<ForeignModel | undefined> {
  const url = addressIn(model);
  if (!url || url.origin === location.origin) return undefined;
  const stored = await models.stored().catch(() => []);
  if (stored.some(({ source }) => source === url.href)) return undefined;
  return { url, name: nameOf(model), host: url.host };
}

/** Its size in words, as its host says it; nothing of the file is fetched. */
export async function sizeOf({ url }: ForeignModel): Promise<string | undefined> {
  const size = await lengthOf(url);
  if (size === undefined) return undefined;
  const parts = Number(PARTS.exec(url.pathname)?.[1] ?? 1);
  return parts > 1 ? `${parts} files, one of them ${bytes(size)}` : bytes(size);
}

async function lengthOf(url: URL): Promise<number | undefined> {
  const signal = AbortSignal.timeout?.(PATIENCE);
  // An address that is signed for GET is refused to HEAD.
  for (const [method, headers] of [['HEAD', {}], ['GET', { Range: 'bytes=0-0' }]] as const) {
    const size = await askLength(url, { method, headers, signal });
    if (size !== undefined) return size;
  }
  return undefined;
}

async function askLength(url: URL, how: { method: string; headers: HeadersInit; signal: AbortSignal | undefined }): Promise<number | undefined> {
  try {
    const answer = await fetch(url, { ...how, signal: how.signal ?? null, cache: 'no-store', credentials: 'omit', referrerPolicy: 'no-referrer' });
    void answer.body?.cancel().catch(() => {});
    const length = answer.status === 206 ? answer.headers.get('Content-Range')?.split('/')[1] : answer.ok ? answer.headers.get('Content-Length') : undefined;
    return length && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  } catch {
    return undefined;
  }
}

/** @param size in words; `undefined` where the host does not say */
export function question({ name, host }: ForeignModel, size: string | undefined): string {
  return `This link loads a model from another host: ${name} from ${host}, ${size ?? 'size unknown'}. Download it into this browser?`;
}
