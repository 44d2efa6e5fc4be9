import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Journal, lines } from '../../src/store/journal.ts';

const DESCRIPTION = { url: 'https://example.org/a.gguf', chunkBytes: 100, total: 250, validator: '"one"' };
const saved = (index: number, bytes = 100) => lines.saved(index, { bytes, checksum: `sum${index}` });

function journal(...more: string[]): Journal {
  const read = Journal.parse([new Journal(DESCRIPTION).head(), ...more].join(''));
  assert.ok(read);
  return read;
}

test('a journal is read as it was written', () => {
  const read = journal(saved(0), saved(2, 50), saved(1, 30));
  assert.deepEqual(read.description, DESCRIPTION);
  assert.deepEqual([read.count(), [...read.missing()], read.savedBytes(), read.isWhole()], [3, [1], 180, false]);
  assert.deepEqual(read.chunk(1), { bytes: 30, checksum: 'sum1' });
  assert.deepEqual(
    [0, 1, 2].map((index) => read.lengthOf(index)),
    [100, 100, 50],
  );
  assert.deepEqual(Journal.parse(read.text()), read);
});

test('a file is complete when all chunks are stored and it was verified', () => {
  const all = [saved(0), saved(1), saved(2, 50)];
  assert.equal(journal(...all).isWhole(), false);
  assert.equal(journal(...all, lines.done()).isWhole(), true);
  assert.equal(journal(saved(0), saved(1), lines.done()).isWhole(), false);
});

test('a dropped chunk is missing, and the file must be verified again', () => {
  const all = [saved(0), saved(1), saved(2, 50), lines.done()];
  const dropped = journal(...all, lines.dropped(1));
  assert.deepEqual([[...dropped.missing()], dropped.isWhole()], [[1], false]);
  assert.equal(journal(...all, lines.dropped(1), saved(1)).isWhole(), false);
});

test('a journal cut at any byte keeps what was recorded before', () => {
  const text = [new Journal(DESCRIPTION).head(), saved(0), saved(1), saved(2, 50), lines.done()].join('');
  const head = text.indexOf('\n') + 1;
  let before = 0;
  for (let end = 0; end <= text.length; end++) {
    const read = Journal.parse(text.slice(0, end));
    assert.equal(read === undefined, end < head);
    const bytes = read?.savedBytes() ?? 0;
    assert.ok(bytes >= before && [0, 100, 200, 250].includes(bytes));
    assert.equal(read?.isWhole() ?? false, end === text.length);
    before = bytes;
  }
});

test('invalid lines are ignored', () => {
  for (const line of ['', '+', '+ x 100 sum', '+ 1', '+ 1 100', '+ 1 -3 sum', '- -1', '- 0x0', '? 1', '\u0000\u0000']) {
    assert.deepEqual([...journal(saved(0), `${line}\n`).missing()], [1, 2], line);
  }
});

test('a file that is not a journal of this version is not read', () => {
  for (const text of [
    '',
    '\n',
    '{}\n',
    '###\n',
    'null\n',
    '{"version":2,"url":"x","chunkBytes":100}\n',
    '{"version":3,"url":"x","chunkBytes":0}\n',
    '{"version":3,"chunkBytes":1}\n',
  ]) {
    assert.equal(Journal.parse(text), undefined, text);
  }
});

test('a file of unknown length is never complete', () => {
  const { total: _, ...unknown } = DESCRIPTION;
  const read = Journal.parse(`${new Journal(unknown).head()}${saved(0)}${lines.done()}`);
  assert.deepEqual([read?.count(), [...read!.missing()], read?.isWhole()], [undefined, [], false]);
});
