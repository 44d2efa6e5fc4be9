import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENGLISH } from '../../src/element/shell/strings.ts';
import { fromPlain, LinnetError, toLinnetError, toPlain } from '../../src/protocol/errors.ts';
import { LINNET_ERROR_CODES } from '../../src/protocol/generated.ts';

/** Codes for which the chat says only that something went wrong, or that it is not available. */
const GENERAL = ['bad-template', 'no-storage', 'aborted', 'busy', 'invalid-request', 'bad-constraint', 'internal'];

test('every thrown value gets a code', () => {
  const coded = Object.assign(new Error('no'), { name: 'LinnetError', code: 'bad-model', details: { offset: 4 } });
  const cases: [unknown, string][] = [
    [coded, 'bad-model'],
    [new DOMException('', 'AbortError'), 'aborted'],
    [new DOMException('', 'QuotaExceededError'), 'quota'],
    [new RangeError('Array buffer allocation failed'), 'out-of-memory'],
    [new RangeError('Maximum call stack size exceeded'), 'internal'],
    [new TypeError('x is not a function'), 'internal'],
    ['text', 'internal'],
  ];
  for (const [thrown, code] of cases) assert.equal(toLinnetError(thrown).code, code, String(thrown));
});

test('an error from the worker is equal to the original', () => {
  const error = new LinnetError('context-full', 'too long', { need: 9, limit: 4 });
  const again = fromPlain(structuredClone(toPlain(error)));
  assert.ok(again instanceof LinnetError);
  assert.deepEqual([again.code, again.message, again.details], [error.code, error.message, error.details]);
});

test('an error whose details cannot be sent arrives without them', () => {
  const plain = toPlain(new LinnetError('network', 'no', { value: () => {} }));
  assert.deepEqual(plain, { code: 'network', message: 'no', details: {} });
});

test('the chat has a text for every code but the general ones', () => {
  const explained = [...Object.keys(ENGLISH.errors), ...GENERAL];
  assert.deepEqual(explained.sort(), [...LINNET_ERROR_CODES].sort());
});
