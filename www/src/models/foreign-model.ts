import { models, type ModelSource } from 'linnet';
import { bytes } from '../page/format.ts';
import { addressIn, nameOf } from '../page/load-settings.ts';

// A model on another host, named by a link: the person is asked before it is downloaded and stored.

/** How long to wait for a host to tell the file's size, in milliseconds. */
const PATIENCE = 8000;
/** The address of a split model's first part, with the number of parts. */
const PARTS = /-\d{5}-of-(\d{5})\.gguf$/i;

/** The facts for the question before the download. */
export interface ForeignModel {
  url: URL;
  name: string;
  host: string;
}

/**
 * The model of an address, if it is on another host and nothing of it is stored yet: a person who started its download
 * has already agreed.
 */
export async function foreignModel(model: ModelSource): Promise<ForeignModel | undefined> {
  const url = addressIn(model);
  if (!url || url.origin === location.origin) return undefined;
  const stored = await models.stored().catch(() => []);
  if (stored.some(({ source }) => source === url.href)) return undefined;
  return { url, name: nameOf(model), host: url.host };
}

/** Its size as its host tells it, without a download. */
export async function sizeOf({ url }: ForeignModel): Promise<string | undefined> {
  const size = await lengthOf(url);
  if (size === undefined) return undefined;
  const parts = Number(PARTS.exec(url.pathname)?.[1] ?? 1);
  return parts > 1 ? `${parts} files, one of them ${bytes(size)}` : bytes(size);
}

async function lengthOf(url: URL): Promise<number | undefined> {
  const signal = AbortSignal.timeout?.(PATIENCE);
  // An address that is signed for GET rejects HEAD.
  for (const [method, headers] of [
    ['HEAD', {}],
    ['GET', { Range: 'bytes=0-0' }],
  ] as const) {
    const size = await askLength(url, { method, headers, signal });
    if (size !== undefined) return size;
  }
  return undefined;
}

async function askLength(
  url: URL,
  how: { method: string; headers: HeadersInit; signal: AbortSignal | undefined },
): Promise<number | undefined> {
  try {
    const answer = await fetch(url, {
      ...how,
      signal: how.signal ?? null,
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    });
    void answer.body?.cancel().catch(() => {});
    const length =
      answer.status === 206
        ? answer.headers.get('Content-Range')?.split('/')[1]
        : answer.ok
          ? answer.headers.get('Content-Length')
          : undefined;
    return length && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
  } catch {
    return undefined;
  }
}

/** @param size as text; `undefined` if the host does not tell */
export function question({ name, host }: ForeignModel, size: string | undefined): string {
  const what = `${name} from ${host}, ${size ?? 'size unknown'}`;
  return `This link loads a model from another host: ${what}. Download it into this browser?`;
}
