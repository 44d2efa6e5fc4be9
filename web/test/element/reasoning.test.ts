import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsOf, ReasoningSplitter } from '../../src/element/markdown/reasoning.ts';

test('reasoning and answer are the same however the text is cut', () => {
  for (const [text, reasoning, answer] of [
    ['<think>\nHm, <b>.\n</think>\n\nYes, 1 < 2.', 'Hm, <b>.', 'Yes, 1 < 2.'],
    ['\n\nYes, 1 < 2 <', '', 'Yes, 1 < 2 <'],
    ['<think></think>Yes.', '', 'Yes.'],
    ['Hm.</think>\nYes.', 'Hm.', 'Yes.'],
    ['<thin', '', '<thin'],
    ['<think>Hm', 'Hm', ''],
    ['', '', ''],
  ] as const) {
    const whole = partsOf(text, true);
    assert.deepEqual([whole.reasoning, whole.answer], [reasoning, answer], text);
    for (const size of [1, 2, 3, 5, 100]) {
      const splitter = new ReasoningSplitter();
      const pieces = [];
      for (let at = 0; at < text.length; at += size) pieces.push(splitter.add(text.slice(at, at + size)));
      pieces.push(splitter.end());
      let said = '';
      for (const piece of pieces) said = piece.replaces ? piece.answer : said + piece.answer;
      assert.equal(said, answer, `${JSON.stringify(text)} in chunks of ${size}`);
      const given = pieces
        .map((piece) => piece.reasoning)
        .join('')
        .trim();
      // If the template opened the reasoning, it looks like the answer at first.
      if (text.startsWith('<think>')) assert.equal(given, reasoning);
    }
  }
});

test('text that continues an answer is all answer, including the space at its beginning', () => {
  const splitter = new ReasoningSplitter(true);
  const said = [splitter.add(' Par'), splitter.add('is. <think>'), splitter.end()];
  assert.equal(said.map(({ answer }) => answer).join(''), ' Paris. <think>');
  assert.ok(said.every(({ reasoning, replaces }) => reasoning === '' && !replaces));
});
