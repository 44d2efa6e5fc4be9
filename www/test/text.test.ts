import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LinnetError } from 'linnet';
import type { StoredChat } from '../src/chat/chats.ts';
import { titleOf } from '../src/chat/chats.ts';
import { fileName, jsonOf, markdownOf } from '../src/chat/export.ts';
import { tokens } from '../src/page/format.ts';
import { errorMessage } from '../src/page/error-messages.ts';
import { endOf } from '../src/keyboard/suggester.ts';

/** Half a character. */
const LONE = /\p{Surrogate}/u;

const asked = (question: string): StoredChat => ({
  id: 'a',
  at: 0,
  model: 'Parrot',
  system: '',
  exchanges: [{ question, answer: 'Yes.', note: '' }],
});

describe('text is cut between characters', () => {
  const family = '👩‍👩‍👧‍👦';

  test('in the title of a chat', () => {
    for (let before = 0; before < 70; before++) {
      const title = titleOf(asked('a'.repeat(before) + family.repeat(10)));
      assert.ok(!LONE.test(title) && title.length <= 60, title);
      assert.equal(title.replace(/^a*|…$/g, '').replaceAll(family, ''), '', title);
    }
    assert.equal(titleOf(asked('What \u202eis\n it?')), 'What is it?');
  });

  test('in a file name, which keeps combining marks', () => {
    for (let before = 0; before < 60; before++)
      assert.ok(!LONE.test(fileName(asked('a'.repeat(before) + '𝒜'.repeat(60)), 'md')));
    assert.equal(fileName(asked('हिन्दी में क्या है?'), 'md'), 'हिन्दी-में-क्या-है.md');
    assert.equal(fileName(asked('???'), 'json'), 'chat.json');
    assert.doesNotMatch(fileName(asked(`${'a'.repeat(49)} and more`), 'md'), /-\.md$/);
  });

  test('in the text for the keyboard page', () => {
    for (let before = 0; before < 3; before++) assert.ok(!LONE.test(endOf('a'.repeat(before) + '😀'.repeat(1500))));
  });

  test('in saved chats, which are well-formed', () => {
    const chat = asked('😀'.repeat(60));
    for (const text of [markdownOf(chat), jsonOf(chat)]) assert.ok(!LONE.test(text));
  });
});

test('tokens are counted in words', () => {
  assert.deepEqual([0, 1, 2, 8192].map(tokens), ['0 tokens', '1 token', '2 tokens', '8,192 tokens']);
});

test('a chosen file that has changed is not called a download', () => {
  const text = (details: object, code: 'not-found' | 'integrity' = 'not-found') =>
    errorMessage(new LinnetError(code, 'gone', { ...details }));
  assert.match(text({ file: 'mine.gguf' }), /The file “mine.gguf” was changed, moved or deleted. Choose it again/);
  assert.match(text({ file: null }), /The file was changed/);
  assert.match(text({ url: '/a.gguf' }), /no model at this address/);
  assert.match(text({ file: 'mine.gguf' }, 'integrity'), /The file “mine.gguf” is incomplete/);
  assert.match(text({}, 'integrity'), /The download is incomplete/);
});
