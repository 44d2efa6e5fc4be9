import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutText, plainName, plainText } from '../../src/protocol/text.ts';

test('characters that change the reading direction are removed; all letters stay', () => {
  assert.equal(plainText('a\u202eb\u202c\u2066c\u2069\u0000d\n\te'), 'abcd\n\te');
  for (const text of ['مرحبا', 'שלום', '👩‍👩‍👧', 'नमस्ते', '\u200f']) assert.equal(plainText(text), text);
});

test('a name in a sentence has one line, no direction marks and a limited length', () => {
  assert.equal(plainName(' Tiny\u202eledoM\u200f\u061c\n\t 1B\u0007 '), 'TinyledoM 1B');
  const long = plainName('👍🏽'.repeat(1000));
  assert.ok(long.length <= 200 && /^(👍🏽)+…$/u.test(long), long);
});

/** Texts, and the positions between their characters. */
const CUTS: readonly (readonly [string, readonly number[]])[] = [
  ['abc', [0, 1, 2, 3]],
  ['a😀b', [0, 1, 3, 4]],
  ['e\u0301\u0302e', [0, 3, 4]],
  ['👍🏽!', [0, 4, 5]],
  ['👩‍👩‍👧.', [0, 8, 9]],
  ['❤️x', [0, 2, 3]],
  ['🇳🇴🇸🇪', [0, 4, 8]],
  ['a\r\nb', [0, 1, 3, 4]],
  ['1️⃣2', [0, 3, 4]],
];

function cutsEverywhere(): void {
  for (const [text, borders] of CUTS) {
    for (let length = -1; length <= text.length + 1; length++) {
      const border = borders.findLast((border) => border <= length) ?? 0;
      assert.equal(cutText(text, length), text.slice(0, border), `${JSON.stringify(text)} at ${length}`);
    }
    assert.equal(cutText(text, Infinity), text);
  }
}

test('a text is cut between characters', cutsEverywhere);

test('a text is cut between characters if the browser has no segmenter', () => {
  const { Segmenter } = Intl;
  Object.assign(Intl, { Segmenter: undefined });
  try {
    cutsEverywhere();
    assert.equal(cutText('a\ud83d', 1), 'a', 'a lone surrogate is a character');
  } finally {
    Object.assign(Intl, { Segmenter });
  }
});
