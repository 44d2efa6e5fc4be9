import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinnetError } from '../../src/protocol/errors.ts';
import { ChunkedDownload } from '../../src/download/chunked-download.ts';
import type { RemoteFile } from '../../src/protocol/model-files.ts';
import { FakeEntry, setRoom, Sha256, sha256 } from '../fakes/fake-store.ts';
import { betweenVisits, Random, randomVersions, ScriptedServer } from '../fakes/scripted.ts';

// Random behaviour of servers, the store and the person over several visits. Each run must end with the right bytes or
// an error with a code, and nothing may hang. LINNET_FUZZ sets the number of runs, LINNET_SEED the first seed. A
// failure names its seed.

const COUNT = Number(process.env['LINNET_FUZZ'] ?? 300);
const FIRST = Number(process.env['LINNET_SEED'] ?? 1);
const CHUNK = 1000;
const PATIENCE = 5000;
const NAMED = new Set(['network', 'not-found', 'http', 'integrity', 'aborted', 'quota', 'no-storage']);

interface Script {
  random: Random;
  server: ScriptedServer;
  entry: FakeEntry;
  file: RemoteFile;
}

function scriptOf(seed: number): Script {
  const random = new Random(seed);
  const versions = randomVersions(random, random.pick([1, 1, 2, 3]));
  const server = new ScriptedServer(random, versions);
  const [{ bytes }] = versions as [(typeof versions)[0]];
  const urls = random.pick([['https://a.example/f'], ['https://a.example/f', 'https://b.example/f']]);
  const hashed = random.chance(0.6);
  const chunks = {
    bytes: CHUNK,
    sha256: Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, i) =>
      sha256(bytes.subarray(i * CHUNK, (i + 1) * CHUNK)),
    ),
  };
  const file: RemoteFile = {
    kind: 'remote',
    urls,
    ...(bytes.length > 0 && random.chance(0.5) ? { bytes: bytes.length } : {}),
    ...(hashed ? { sha256: sha256(bytes) } : {}),
    ...(hashed && random.chance(0.5) ? { chunks } : {}),
  };
  server.trouble = random.pick([0, 0.1, 0.3, 0.6, 1]);
  server.flips = hashed;
  server.nodes = hashed && random.chance(0.3);
  server.unnamed = random.chance(0.3);
  return { random, server, entry: new FakeEntry(), file };
}

/** One visit: the bytes, or the error's code. */
async function visit({
  random,
  server,
  entry,
  file,
}: Script): Promise<{ bytes?: Uint8Array; stored?: boolean; code?: string }> {
  const stop = new AbortController();
  const trouble = server.trouble > 0;
  let patience = trouble && random.chance(0.1) ? random.below(20) : Infinity;
  const { data, log } = entry;
  Object.assign(data, {
    gone: false,
    honest: random.chance(0.5),
    most: trouble && random.chance(0.2) ? random.below(9000) : 1e6,
  });
  Object.assign(log, { gone: false, most: trouble && random.chance(0.05) ? random.below(600) : 1e6 });
  const onBytes = () => {
    if (!trouble) return;
    if (--patience < 0) stop.abort();
    if (random.chance(0.005)) data.gone = log.gone = true;
    if (random.chance(0.01)) data.most = random.below(9000);
  };
  const { signal } = stop;
  const mustStore = random.chance(0.3);
  let download: ChunkedDownload | undefined;
  const parts: Uint8Array[] = [];
  try {
    const given = {
      writer: writerOf(entry),
      Sha256,
      signal,
      mustStore,
      retryDelays: [0, 0, 1],
      stallTimeout: 20,
      chunkBytes: CHUNK,
      onBytes,
    };
    download = await ChunkedDownload.open(file, given);
    for await (const { bytes } of download) {
      parts.push(bytes.slice());
      if (trouble && random.chance(0.02)) throw new LinnetError('aborted', 'as after a crash of the consumer');
    }
    const stored = await download.finish();
    return { bytes: new Uint8Array(Buffer.concat(parts)), stored };
  } catch (error) {
    assert.ok(
      error instanceof LinnetError && NAMED.has(error.code),
      String(error instanceof Error ? error.stack : error),
    );
    await download?.giveUp(error.code !== 'integrity' || error.details['chunk'] !== undefined);
    return { code: error.code };
  }
}

/** Opens an entry like the cache: one that cannot be read is left alone. */
function writerOf(entry: FakeEntry) {
  try {
    return entry.writer();
  } catch {
    return undefined;
  }
}

async function run(seed: number): Promise<string> {
  const script = scriptOf(seed);
  const { random, server, entry, file } = script;
  globalThis.fetch = server.fetch;
  const isRight = (bytes: Uint8Array) => {
    const found = sha256(bytes);
    return file.sha256 === undefined
      ? server.versions.some((version) => sha256(version.bytes) === found)
      : found === file.sha256;
  };
  let outcome = '';
  for (let visits = 1 + random.below(4); visits > 0; visits--) {
    const { bytes, stored, code } = await visit(script);
    outcome += `${code ?? (stored ? 'stored' : 'loaded')} `;
    if (bytes) assert.ok(isRight(bytes), 'the bytes are of one version, and of the right one if its hash is known');
    if (stored)
      assert.ok(entry.journal()?.isWhole() && isRight(entry.data.bytes), 'a file that is reported as stored is stored');
    const journal = entry.journal();
    if (journal?.isWhole()) assert.ok(isRight(entry.data.bytes), 'a complete file is right');
    if (!entry.journal()?.isWhole()) betweenVisits(entry, random);
  }
  // Without faults the next visits work, whatever was left. (The first one may find damage.)
  Object.assign(server, { trouble: 0, flips: false, nodes: false, version: server.versions[0] });
  for (let tries = 0; tries < 2; tries++) {
    const { bytes, code } = await visit(script);
    // Without a hash, a complete older version may be stored, with only its last line missing.
    if (bytes && isRight(bytes)) return outcome;
    assert.ok(code === 'integrity' && tries === 0, `the file of a working server is ${code ?? 'another one'}`);
  }
  throw new Error('not reached');
}

test(`${COUNT} random downloads give the right bytes or an error with a code`, {
  timeout: 60_000 + 100 * COUNT,
}, async (t) => {
  const { fetch } = globalThis;
  t.after(() => (globalThis.fetch = fetch));
  setRoom(1e9);
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('it hangs')), PATIENCE);
    });
    try {
      await Promise.race([run(seed), late]);
    } catch (error) {
      throw new Error(`LINNET_SEED=${seed}: ${error instanceof Error ? error.stack : error}`);
    } finally {
      clearTimeout(timer);
    }
  }
});
