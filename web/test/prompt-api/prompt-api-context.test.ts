// A session's context: what it contains, what is dropped, and what the model gets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinnetError } from '../../src/protocol/errors.ts';
import { asked, made, named } from '../fakes/fake-language-model.ts';

test('an input is measured as it is counted later', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  assert.equal(await session.measureInputUsage('one two three'), 4);
  await session.append('one two three');
  assert.equal(session.contextUsage, 4);
  assert.equal(
    await session.measureContextUsage([
      { role: 'user', content: 'four' },
      { role: 'assistant', content: 'five' },
    ]),
    4,
  );
  assert.equal(await session.measureInputUsage('x '.repeat(5000)), 5001);
});

test('the beginning of a long conversation is dropped, except its initial prompts', async () => {
  const { LanguageModel, engines } = made(100);
  const session = await LanguageModel.create({
    initialPrompts: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
    ],
  });
  const overflows: string[] = [];
  session.addEventListener('quotaoverflow', () => overflows.push('listener'));
  session.onquotaoverflow = () => overflows.push('handler');
  session.addEventListener('contextoverflow', () => overflows.push('new name'));
  for (let i = 0; i < 3; i++) await session.prompt(`${i} ${'word '.repeat(8)}`);
  assert.deepEqual(overflows, []);
  await session.prompt(`3 ${'word '.repeat(10)}`);
  assert.deepEqual(overflows, ['listener', 'handler', 'new name']);
  const { messages } = asked(engines[0]!);
  assert.deepEqual(
    messages.slice(0, 3).map(({ role }: any) => role),
    ['system', 'user', 'assistant'],
  );
  assert.match(messages[3].content, /^[12] /, 'the oldest exchange was dropped');
  assert.ok(session.contextUsage <= 100);
});

test('an input that can never fit is rejected with the figures, and nothing is dropped for it', async () => {
  const { LanguageModel, engines } = made(100);
  const session = await LanguageModel.create();
  await session.prompt('one');
  const usage = session.inputUsage;
  // The conversation has 5 tokens, the new question 201.
  await assert.rejects(
    session.prompt('word '.repeat(200)),
    (error: any) => named('QuotaExceededError')(error) && error.requested === 206 && error.quota === 100,
  );
  assert.equal(session.inputUsage, usage);
  await assert.rejects(
    LanguageModel.create({ initialPrompts: [{ role: 'system', content: 'word '.repeat(200) }] }),
    named('QuotaExceededError'),
  );
  // The tokens of a prompt that is rejected by its length are not counted.
  const uncounted = () => Promise.reject(new LinnetError('context-full', 'too long', { characters: 1e8 }));
  Object.assign(engines[0]!, { countTokens: uncounted });
  await assert.rejects(
    session.prompt('word '.repeat(200)),
    (error: any) => named('QuotaExceededError')(error) && error.requested > error.quota,
  );
  await assert.rejects(session.measureContextUsage('word '.repeat(200)), named('QuotaExceededError'));
});

test('reasoning is neither returned nor sent to the model again', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  engines[0]!.answer = () => [{ reasoning: 'Easy.' }, { text: 'Blue, ' }, { text: 'mostly.' }];
  assert.equal(await session.prompt('a'), 'Blue, mostly.');
  let streamed = '';
  for await (const piece of session.promptStreaming('b')) streamed += piece;
  assert.equal(streamed, 'Blue, mostly.');
  assert.deepEqual(
    asked(engines[0]!)['messages'],
    ['a', 'Blue, mostly.', 'b'].map((content, i) => ({ role: i === 1 ? 'assistant' : 'user', content })),
  );
});

test('an empty list is an empty question, or asks for an answer to appended messages', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  await session.prompt([]);
  assert.deepEqual(asked(engines[0]!)['messages'], [{ role: 'user', content: '' }]);
  await session.append('Hello');
  await session.prompt([]);
  assert.equal(asked(engines[0]!)['messages'].at(-1).content, 'Hello');
});

test('a prefix is continued; another assistant message gets a new answer', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  engines[0]!.answer = () => ' = "Bo"';
  const begun = { role: 'assistant' as const, content: 'name', prefix: true };
  assert.equal(await session.prompt([{ role: 'user', content: 'A gnome in TOML' }, begun]), ' = "Bo"');
  assert.deepEqual(asked(engines[0]!)['messages'].at(-1), { role: 'assistant', content: 'name' });
  await session.prompt([{ role: 'assistant', content: 'That was one.' }]);
  assert.deepEqual(
    asked(engines[0]!)['messages'].map(({ content }: any) => content),
    ['A gnome in TOML', 'name = "Bo"', 'That was one.', ''],
  );
  await session.prompt('And another?');
  assert.deepEqual(asked(engines[0]!)['messages'].slice(2, 4), [
    { role: 'assistant', content: 'That was one.' },
    { role: 'assistant', content: ' = "Bo"' },
  ]);
});

test('the first prompt may start with a system prompt', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  await session.append([{ role: 'system', content: 'Be brief.' }]);
  await session.prompt('Hi');
  assert.deepEqual(
    asked(engines[0]!)['messages'].map(({ role }: any) => role),
    ['system', 'user'],
  );
});
