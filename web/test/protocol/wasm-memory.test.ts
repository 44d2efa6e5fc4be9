import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryLadder, usualThreads } from '../../src/protocol/wasm-memory.ts';

const MB = 1_000_000;

test('a small model requests a small memory, and less if that is refused', () => {
  const bytes = memoryLadder(98 * MB, undefined).map((pages) => pages * 65_536);
  assert.ok(bytes[0] !== undefined && bytes[0] < 900 * MB, String(bytes));
  assert.ok(
    bytes.every((size) => size > 98 * MB + 256 * MB),
    String(bytes),
  );
  assert.ok(
    bytes.every((size, index) => index === 0 || size < bytes[index - 1]!),
    String(bytes),
  );
});

test('if the model’s size is not known or the caller chose the context, the maximum is requested first', () => {
  assert.equal(memoryLadder(undefined, undefined)[0], 65_536);
  assert.equal(memoryLadder(98 * MB, 32_768)[0], 65_536);
});

test('no memory is larger than 32 bits can address', () => {
  assert.deepEqual(memoryLadder(5000 * MB, undefined), [65_536]);
});

test('the number of threads is limited to those that help', () => {
  assert.deepEqual([undefined, 1, 2, 4, 6, 8, 12, 64].map(usualThreads), [1, 1, 2, 4, 4, 4, 6, 8]);
});
