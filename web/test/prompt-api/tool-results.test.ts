// The Prompt API's calls and results in a conversation: in the order that templates take, whatever the page sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alternating, withResults } from '../../src/prompt-api/message-order.ts';
import { LinnetError } from '../../src/protocol/errors.ts';
import { callOf, type FakeChat } from '../fakes/fake-chat.ts';
import { made } from '../fakes/fake-language-model.ts';
import { answered, callMessage, lastMessages, OPEN, sessionWith, success } from '../fakes/tool-session.ts';

const user = { role: 'user' as const, content: 'a' };
const assistant = { role: 'assistant' as const, content: 'b' };
const callsOf = (...ids: string[]) => ({
  role: 'assistant' as const,
  content: null,
  tool_calls: ids.map((id) => callMessage(id, {}) as never),
});
const result = (id?: string) => ({ role: 'tool' as const, ...(id ? { tool_call_id: id } : {}), content: 'x' });

test('results stay with their calls when the beginning is left out', async () => {
  const { LanguageModel, engines } = made(120);
  const session = await LanguageModel.create(OPEN);
  const engine = engines[0]!;
  engine.answer = (messages) => (messages.at(-1)?.role === 'tool' ? 'Rain.' : callOf('weather', {}));
  for (let i = 0; i < 6; i++) {
    await session.prompt(`${i} ${'word '.repeat(15)}`);
    await session.prompt(answered(success('call_0', { type: 'text', value: 'rain '.repeat(5) })));
  }
  const roles = lastMessages(engine).map(({ role }) => role);
  assert.ok(roles.length < 20, 'exchanges were left out');
  assert.deepEqual(roles.slice(0, 3), ['user', 'assistant', 'tool']);
});

test('calls stay apart in a template that requires an order', () => {
  const messages = [user, callsOf('a'), result(), result(), assistant, assistant];
  assert.deepEqual(alternating(messages), [...messages.slice(0, 4), { role: 'assistant', content: 'b\n\nb' }]);
  const noAnswer = { role: 'assistant', content: '(no answer)' };
  assert.deepEqual(alternating([user, callsOf('a'), result(), user]), [user, callsOf('a'), result(), noAnswer, user]);
});

test('every call has its result before anything else is said', () => {
  const none = (id: string) => ({ ...result(id), name: 'weather', content: 'No result was given.' });
  const calls = callsOf('a', 'b');
  for (const [messages, expected] of [
    // These calls may still get their results.
    [[user, calls], undefined],
    [[user, calls, result('b'), result('a'), assistant], undefined],
    [[user, callsOf('a'), result(), user], undefined],
    [
      [user, calls, user],
      [user, calls, none('a'), none('b'), user],
    ],
    [
      [user, calls, result('b')],
      [user, calls, result('b'), none('a')],
    ],
    [
      [user, calls, result()],
      [user, calls, result(), none('b')],
    ],
    [
      [user, calls, user, result('a'), user, assistant],
      [user, calls, result('a'), none('b'), user, user, assistant],
    ],
    [
      [user, calls, assistant, user],
      [user, calls, none('a'), none('b'), assistant, user],
    ],
    [
      [user, callsOf('a'), callsOf('b'), result('b')],
      [user, callsOf('a'), none('a'), callsOf('b'), result('b')],
    ],
    // It comes too late.
    [
      [user, callsOf('a'), user, assistant, result('a')],
      [user, callsOf('a'), none('a'), user, assistant, result('a')],
    ],
  ] as const)
    assert.deepEqual(withResults(messages as never), expected ?? messages, JSON.stringify(messages));
});

/** A template that fails unless questions and answers alternate, besides calls and their results; as Mistral's. */
function strictly(engine: FakeChat): void {
  const { answer } = engine;
  engine.answer = (messages) => {
    const open = new Set<string>();
    const turns: string[] = [];
    for (const message of messages as readonly any[]) {
      if (message.role === 'tool') open.delete(message.tool_call_id);
      else if (open.size > 0)
        throw new LinnetError('invalid-request', 'Not the same number of calls and results', { field: 'messages' });
      for (const { id } of message.tool_calls ?? []) open.add(id);
      if (message.role !== 'tool' && !message.tool_calls) turns.push(message.role);
    }
    if (turns.some((role, i) => role !== (i % 2 ? 'assistant' : 'user')))
      throw new LinnetError('invalid-request', 'Roles must alternate user/assistant/user/assistant/...', {
        field: 'messages',
      });
    return answer(messages);
  };
}

test('a question instead of the results goes on, in a template that requires an order, too', async () => {
  const none = { role: 'tool', tool_call_id: 'call_0', name: 'weather', content: 'No result was given.' };
  for (const strict of [false, true]) {
    const { session, engine } = await sessionWith(OPEN, callOf('weather', {}));
    if (strict) strictly(engine);
    await session.prompt('Weather?');
    engine.answer = () => 'Never mind.';
    if (strict) strictly(engine);
    const before = [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: null, tool_calls: [callMessage('call_0', {})] },
      none,
      ...(strict ? [{ role: 'assistant', content: '(no answer)' }] : []),
      { role: 'user', content: 'Forget it.' },
    ];
    assert.deepEqual(await session.prompt('Forget it.'), [{ type: 'text', value: 'Never mind.' }]);
    assert.deepEqual(lastMessages(engine), before);
    await session.prompt('Bye.');
    assert.deepEqual(lastMessages(engine), [
      ...before,
      { role: 'assistant', content: 'Never mind.' },
      { role: 'user', content: 'Bye.' },
    ]);
  }
});

test('some of the results, with a text before them, belong to the calls', async () => {
  const { session, engine } = await sessionWith(OPEN, callOf('weather', {}), callOf('weather', {}, 1));
  await session.prompt('Weather?');
  const [{ content }] = answered(success('call_1', { type: 'text', value: 'rain' })) as [any];
  await session.prompt([{ role: 'user', content: [{ type: 'text', value: 'Here:' }, ...content] }]);
  assert.deepEqual(
    lastMessages(engine)
      .slice(2)
      .map(({ role, tool_call_id: id, content }) => [role, id, content]),
    [
      ['tool', 'call_1', 'rain'],
      ['tool', 'call_0', 'No result was given.'],
      ['user', undefined, 'Here:'],
    ],
  );
});
