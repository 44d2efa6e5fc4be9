// Tools and reasoning in OpenAI's shape: fields of a request, and the parts of an answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCount, readRequest } from '../../src/api/request.ts';
import type { ChatRequest, ChatTool } from '../../src/index.ts';
import { LinnetError } from '../../src/protocol/errors.ts';
import { callOf, FakeChat, type SaidToken } from '../fakes/fake-chat.ts';

const messages = [{ role: 'user', content: 'Hi' }] as const;
const tool = (name: string): ChatTool => ({ type: 'function', function: { name, parameters: { type: 'object' } } });
const tools = [tool('clock'), tool('add')];
const named = (name: string) => ({ type: 'function', function: { name } });
const allowed = (mode: string, ...names: string[]) => ({
  type: 'allowed_tools',
  allowed_tools: { mode, tools: names.map(named) },
});

/** The `field` for which a request is rejected. */
function refusedFor(fields: object, subject: 'messages' | 'prompt' = 'messages'): unknown {
  try {
    readRequest(subject, new Set(), { [subject]: subject === 'messages' ? messages : 'x', ...fields });
  } catch (error) {
    assert.ok(error instanceof LinnetError && error.code === 'invalid-request', String(error));
    return error.details['field'];
  }
  return undefined;
}

function engineOf(...tokens: (SaidToken | SaidToken[])[]): FakeChat {
  const engine = new FakeChat();
  engine.answer = () => tokens.flat();
  return engine;
}

test('the fields for a template are sent to the engine as they are', () => {
  const fields = {
    tools,
    tool_choice: named('add'),
    parallel_tool_calls: false,
    reasoning_effort: 'low',
    enable_thinking: true,
    chat_template_kwargs: { date: '2026-11-20', nested: [1, { a: null }] },
    documents: [{ title: 'A', text: 'a' }],
  };
  assert.deepEqual(readRequest('messages', new Set(), { messages, ...fields }).fields, { messages, ...fields });
  assert.deepEqual(readCount({ messages, ...fields } as never), { messages, ...fields });
  for (const field of Object.keys(fields)) {
    assert.equal(refusedFor({ [field]: null }), undefined);
    assert.equal(refusedFor({ [field]: fields[field as keyof typeof fields] }, 'prompt'), field);
    assert.throws(() => readCount({ prompt: 'x', [field]: 1 } as never), { code: 'invalid-request' });
  }
  for (const tool_choice of ['auto', 'none', 'required', allowed('auto', 'add'), allowed('required', 'clock', 'add')])
    assert.equal(refusedFor({ tools, tool_choice }), undefined, JSON.stringify(tool_choice));
  for (const none of [{ tools: [] }, { tool_choice: 'none' }, { tool_choice: 'auto' }])
    assert.equal(refusedFor(none), undefined);
});

test('a wrong field for a template is named by its path', () => {
  const first = (value: object) => ({ tools: [value] });
  for (const [fields, field] of [
    [{ tools: {} }, 'tools'],
    [{ tools: ['clock'] }, 'tools[0]'],
    [first({ type: 'custom', custom: { name: 'a' } }), 'tools[0].type'],
    [first({ function: { name: 'a' } }), 'tools[0].type'],
    [first({ type: 'function' }), 'tools[0].function'],
    [first({ type: 'function', function: {} }), 'tools[0].function.name'],
    [first({ type: 'function', function: { name: '' } }), 'tools[0].function.name'],
    [first({ ...tool('a'), execute: () => {} }), 'tools[0].execute'],
    [{ tools: [tool('a'), tool('b'), tool('a')] }, 'tools[2].function.name'],
    [{ tools, tool_choice: 'any' }, 'tool_choice'],
    [{ tools, tool_choice: 5 }, 'tool_choice'],
    [{ tools, tool_choice: [] }, 'tool_choice'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ tools: [], tool_choice: 'required' }, 'tool_choice'],
    [{ tools, tool_choice: { type: 'custom' } }, 'tool_choice.type'],
    [{ tools, tool_choice: { type: 'function', name: 'add' } }, 'tool_choice.function'],
    [{ tools, tool_choice: named('sub') }, 'tool_choice.function.name'],
    [{ tool_choice: named('add') }, 'tool_choice.function.name'],
    [{ tools, tool_choice: { type: 'allowed_tools' } }, 'tool_choice.allowed_tools'],
    [{ tools, tool_choice: allowed('none', 'add') }, 'tool_choice.allowed_tools.mode'],
    [{ tools, tool_choice: allowed('auto', 'add', 'sub') }, 'tool_choice.allowed_tools.tools[1].function.name'],
    [{ parallel_tool_calls: 'no' }, 'parallel_tool_calls'],
    [{ reasoning_effort: 'extreme' }, 'reasoning_effort'],
    [{ enable_thinking: 'true' }, 'enable_thinking'],
    [{ chat_template_kwargs: [] }, 'chat_template_kwargs'],
    [{ chat_template_kwargs: { now: () => 1 } }, 'chat_template_kwargs.now'],
    [{ documents: 'text' }, 'documents'],
    [{ documents: [{}, 'text'] }, 'documents[1]'],
  ] as const) {
    assert.equal(refusedFor(fields), field, JSON.stringify(fields));
  }
});

test('a whole answer has its reasoning, content and calls apart', async () => {
  const said = [{ reasoning: 'Two ' }, { reasoning: 'cities.' }, { text: 'I look.' }];
  const engine = engineOf(said, callOf('weather', { city: 'Oslo' }), callOf('weather', { city: 'Rome' }, 1));
  const { choices, usage } = await engine.chat.completions.create({ messages });
  const [{ message, finish_reason }] = choices;
  const call = (id: string, city: string) => ({
    id,
    type: 'function',
    function: { name: 'weather', arguments: JSON.stringify({ city }) },
  });
  assert.deepEqual(message, {
    role: 'assistant',
    content: 'I look.',
    reasoning_content: 'Two cities.',
    reasoning: 'Two cities.',
    tool_calls: [call('call_0', 'Oslo'), call('call_1', 'Rome')],
  });
  assert.equal(finish_reason, 'tool_calls');
  assert.deepEqual(usage.completion_tokens_details, { reasoning_tokens: 2 });
  // It can be sent back as it is.
  const results = ['rain', 'sun'].map((content, i) => ({ role: 'tool' as const, content, tool_call_id: `call_${i}` }));
  const next: ChatRequest = { messages: [...messages, message, ...results], tools };
  await engine.chat.completions.create(next);
  assert.deepEqual(engine.requests[1], next);
});

test('the content is null if there are only calls, and empty if there is nothing', async () => {
  const { choices } = await engineOf(callOf('clock', {})).chat.completions.create({ messages });
  assert.equal(choices[0].message.content, null);
  assert.equal(choices[0].message.tool_calls?.[0]?.function.arguments, '{}');
  const [{ message }] = (await engineOf({ reasoning: 'Hm' }).chat.completions.create({ messages })).choices;
  assert.deepEqual(message, { role: 'assistant', content: '', reasoning_content: 'Hm', reasoning: 'Hm' });
});

test('a stream has reasoning, content and calls in its deltas', async () => {
  const engine = engineOf({ reasoning: 'Hm' }, { text: 'Now.' }, callOf('add', '[1,2]'), {});
  const deltas = [];
  const ends = [];
  for await (const { choices } of engine.chat.completions.create({ messages, stream: true })) {
    deltas.push(choices[0].delta);
    ends.push(choices[0].finish_reason);
  }
  assert.deepEqual(deltas, [
    { role: 'assistant', reasoning_content: 'Hm', reasoning: 'Hm' },
    { content: 'Now.' },
    { tool_calls: [{ index: 0, id: 'call_0', type: 'function', function: { name: 'add', arguments: '' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '[1,2]' } }] },
    { content: '' },
    {},
  ]);
  assert.deepEqual(ends, [null, null, null, null, null, 'tool_calls']);
});

test('the last event may have the last of each part', async () => {
  const engine = new FakeChat();
  const { generate } = engine.chat.completions as unknown as { generate: (...args: any[]) => AsyncGenerator<any> };
  Object.assign(engine.chat.completions, {
    async *generate(...args: unknown[]) {
      for await (const event of generate(...args))
        yield event.type === 'done'
          ? { ...event, reasoning: 'r', text: 't', tool_calls: callOf('a', '')[0]!.tool_calls }
          : event;
    },
  });
  engine.answer = () => [];
  const chunks = [];
  for await (const { choices } of engine.chat.completions.create({ messages, stream: true }))
    chunks.push(choices[0].delta);
  assert.deepEqual(chunks.at(-1), {
    role: 'assistant',
    content: 't',
    reasoning_content: 'r',
    reasoning: 'r',
    tool_calls: [{ index: 0, id: 'call_0', type: 'function', function: { name: 'a', arguments: '' } }],
  });
});
