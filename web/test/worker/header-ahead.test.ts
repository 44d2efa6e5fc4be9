import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileChanged } from '../../src/download/transfer.ts';
import type { RemoteFile } from '../../src/protocol/model-files.ts';
import { HeaderAhead } from '../../src/worker/header-ahead.ts';
import { Sha256, sha256 } from '../fakes/fake-store.ts';

const FILE: RemoteFile = { kind: 'remote', urls: ['https://a.example/part'] };
const bytes = new Uint8Array(100).map((_, index) => index);

/** The header of a part, read in pieces of 30 bytes until it is complete. */
async function headerOf(validator: string | undefined): Promise<HeaderAhead> {
  const header = new HeaderAhead({ total: 100, validator }, Sha256);
  const pieces = (async function* () {
    for (let at = 0; at < 100; at += 30) yield bytes.subarray(at, at + 30);
  })();
  let read = 0;
  for await (const piece of header.read(pieces)) if ((read += piece.length) >= 60) break;
  return header;
}

test('a part whose version has no name must begin with the header that was read ahead', async () => {
  const header = await headerOf(undefined);
  const same = header.checkOf({ total: 100 }, FILE)!;
  same(bytes.subarray(0, 50));
  same(bytes.subarray(50));
  const other = bytes.slice();
  other[59] = 0;
  const changed = header.checkOf({ total: 100 }, FILE)!;
  changed(other.subarray(0, 50));
  assert.throws(() => changed(other.subarray(50)), FileChanged);
  assert.throws(() => header.checkOf({ total: 99 }, FILE), FileChanged);
});

test('a named version or a known hash needs no other check', async () => {
  assert.equal((await headerOf('"1"')).checkOf({ total: 100, validator: '"1"' }, FILE), undefined);
  assert.equal((await headerOf(undefined)).checkOf({ total: 100 }, { ...FILE, sha256: sha256(bytes) }), undefined);
  const named = await headerOf('"1"');
  assert.throws(() => named.checkOf({ total: 100, validator: '"2"' }, FILE), FileChanged);
  assert.throws(() => named.checkOf({ total: 100 }, FILE), FileChanged);
});
