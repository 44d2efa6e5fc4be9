import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsOf, ThoughtSplitter } from '../../src/element/markdown/reasoning.ts';

test('thoughts and answer are the same however the text is cut', () => {
  for (const [text, thoughts, answer] of [
    ['<think>\nHm, <b>.\n</think>\n\nYes, 1 < 2.', 'Hm, <b>.', 'Yes, 1 < 2.'],
    ['\n\nYes, 1 < 2 <', '', 'Yes, 1 < 2 <'],
    ['<think></think>Yes.', '', 'Yes.'],
    ['Hm.</think>\nYes.', 'Hm.', 'Yes.'],
    ['<thin', '', '<thin'],
    ['<think>Hm', 'Hm', ''],
    ['', '', ''],
  ] as const) {
    const whole = partsOf(text, true);
    assert.deepEqual([whole.thoughts, whole.answer], [thoughts, answer], text);
    for (const size of [1, 2, 3, 5, 100]) {
      const splitter = new ThoughtSplitter();
      const pieces = [];
      for (let at = 0; at < text.length; at += size) pieces.push(splitter.add(text.slice(at, at + size)));
      pieces.push(splitter.end());
      let said = '';
      for (const piece of pieces) said = piece.anew ? piece.answer : said + piece.answer;
      assert.equal(said, answer, `${JSON.stringify(text)} in pieces of ${size}`);
      const thought = pieces.map((piece) => piece.thought).join('').trim();
      // Thoughts that a template has opened come as the answer at first.
      if (text.startsWith('<think>')) assert.equal(thought, thoughts);
    }
  }
});

test('a text that continues an answer is all answer, with the space at its beginning', () => {
  const splitter = new ThoughtSplitter(true);
  const said = [splitter.add(' Par'), splitter.add('is. <think>'), splitter.end()];
  assert.equal(said.map(({ answer }) => answer).join(''), ' Paris. <think>');
  assert.ok(said.every(({ thought, anew }) => thought === '' && !anew));
});
