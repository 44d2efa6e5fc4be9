import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { models } from 'linnet';
import { answerSettingsFrom } from '../src/chat/settings.ts';
import { Query } from '../src/page/query.ts';
import { nameOf, settingsFrom } from '../src/page/load-settings.ts';

/** Half a character. */
const LONE = /\p{Surrogate}/u;

Object.assign(globalThis, { document: { baseURI: 'https://site.example/some/where/' } });

describe('the options of the address', () => {
  const read = (search: string) => {
    const query = new Query(search);
    return { settings: settingsFrom(query), answerSettings: answerSettingsFrom(query), ignored: query.ignored };
  };

  test('valid options are used', () => {
    const { settings, answerSettings, ignored } = read(
      '?model=qwen3-0.6b&backend=cpu&threads=4&context=512&pace=gentle&temperature=0&max=64',
    );
    assert.deepEqual(settings, { model: 'qwen3-0.6b', backend: 'cpu', threads: 4, contextLength: 512, pace: 'gentle' });
    assert.deepEqual(answerSettings, { temperature: 0, maxTokens: 64 });
    assert.deepEqual(ignored, []);
    for (const model of [
      '/bird.gguf',
      'bird.gguf',
      'https://elsewhere.example/bird.gguf?download=true',
      'stored:abc',
    ]) {
      assert.deepEqual(
        [
          read(`?model=${encodeURIComponent(model)}`).settings.model,
          read(`?model=${encodeURIComponent(model)}`).ignored,
        ],
        [model, []],
      );
    }
  });

  for (const [name, values] of Object.entries({
    model: ['', 'nobody', 'javascript:a.b', 'data:,a', 'file:///etc/passwd', 'blob:https://site.example/1', 'https://'],
    backend: ['', 'foo', 'CPU', 'toString'],
    threads: ['', '0', '-1', '1.5', 'abc', 'Infinity', 'NaN', '1e400', '9007199254740993'],
    context: ['', '0', '-1', '1.5', ' ', '1', '8193', '99999999'],
    pace: ['fast'],
    temperature: ['', 'hot', '-1', '1e9'],
    max: ['', '0', '0.5', '1000000'],
  })) {
    for (const value of values) {
      test(`${name}=${value} is ignored and named`, () => {
        const usual = read('');
        const { settings, answerSettings, ignored } = read(`?${name}=${encodeURIComponent(value)}`);
        assert.deepEqual([settings, answerSettings], [usual.settings, usual.answerSettings]);
        assert.equal(ignored.length, 1);
        assert.ok(ignored[0]!.startsWith(`“${name}=${value.trim()}”`), ignored[0]);
      });
    }
  }

  test('a value can neither reorder the words around it nor make the sentence long', () => {
    const { ignored } = read(`?backend=${encodeURIComponent(`\u202e\u2067a\n${'😀'.repeat(1000)}`)}`);
    assert.match(ignored[0]!, /^“backend=a 😀+…” in the address/u);
    assert.ok(!LONE.test(ignored[0]!) && ignored[0]!.length < 300);
  });
});

test('a listed model has its list name; another one has its file’s name once it is known', () => {
  const info = (name: string) => ({ model: { name } }) as Parameters<typeof nameOf>[1];
  assert.equal(nameOf('qwen3-0.6b', info('Qwen3 0.6B Instruct of somebody')), 'Qwen3 0.6B');
  assert.equal(nameOf(models.get('qwen3-0.6b')!.files[0]!.url, info('Qwen3 0.6B Instruct of somebody')), 'Qwen3 0.6B');
  assert.equal(nameOf('https://elsewhere.example/a/bird.Q4_0.gguf?x=/y'), 'bird.Q4_0');
  assert.equal(nameOf('https://elsewhere.example/a/bird.Q4_0.gguf', info('A \u202ebird')), 'A bird');
  assert.equal(nameOf('stored:abc'), 'Your model');
  assert.equal(nameOf('stored:abc', info('A bird')), 'A bird');
});
