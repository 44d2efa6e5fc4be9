import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsOf, ReasoningSplitter, type SpokenPiece } from '../../src/element/markdown/reasoning.ts';

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

test('reasoning that an assistant’s message has opened is continued, up to its end', () => {
  for (const prefill of ['<think>', '\n<think>\nThey ask ']) {
    for (const [text, reasoning, answer] of [
      ['who I am.\n</think>\n\nA bird.', 'who I am.', 'A bird.'],
      ['who I am.', 'who I am.', ''],
      ['</think>A bird. </think>', '', 'A bird. </think>'],
    ] as const) {
      const whole = partsOf(text, true, prefill);
      assert.deepEqual([whole.reasoning, whole.answer], [reasoning, answer], text);
      for (const size of [1, 3, 100]) {
        const splitter = new ReasoningSplitter(prefill);
        const pieces: SpokenPiece[] = [];
        for (let at = 0; at < text.length; at += size) pieces.push(splitter.add(text.slice(at, at + size)));
        pieces.push(splitter.end());
        const said = (part: 'reasoning' | 'answer') => pieces.map((piece) => piece[part]).join('');
        assert.deepEqual([said('reasoning').trim(), said('answer')], [reasoning, answer], `${text} by ${size}`);
        assert.ok(pieces.every(({ replaces }) => !replaces));
      }
    }
    assert.equal(partsOf('who', false, prefill).thinking, true);
  }
  // A message whose reasoning has ended, or that has none, goes on as an answer.
  for (const prefill of ['<think>Hm.</think>Par', 'Use <think> as', 'Par']) {
    const { reasoning, answer } = partsOf(' is. </think>', true, prefill);
    assert.deepEqual([reasoning, answer], ['', ' is. </think>']);
    assert.equal(new ReasoningSplitter(prefill).add(' is. </think>').answer, ' is. </think>');
  }
});
