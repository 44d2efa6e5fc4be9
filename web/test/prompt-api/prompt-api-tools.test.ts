// Tools of the Prompt API: those that Linnet runs (with `execute`), and calls that the page answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type LanguageModelOutput,
  LanguageModelToolCall,
  LanguageModelToolError,
  LanguageModelToolSuccess,
} from '../../src/prompt-api.ts';
import { callOf } from '../fakes/fake-chat.ts';
import { asked, loosely, made, named } from '../fakes/fake-language-model.ts';
import {
  answered,
  callMessage,
  declared,
  inputSchema,
  lastMessages,
  OPEN,
  resultsIn,
  sessionWith,
  success,
  weather,
} from '../fakes/tool-session.ts';

test('a call that the limit cuts is not run', async () => {
  let runs = 0;
  const tools = [{ ...weather, execute: async () => String(runs++) }];
  const { session, engine } = await sessionWith({ tools }, { text: 'I look.' }, callOf('weather', {}));
  engine.cuts = true;
  assert.equal(await session.prompt('Weather?'), 'I look.');
  assert.equal(runs, 0);
});

test('tools with execute run at the same time, and the model answers with their results', async () => {
  let running = 0;
  let most = 0;
  const execute = async ({ city }: { city: string }) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 10));
    running--;
    return city === 'Oslo' ? 'rain' : { sky: 'clear' };
  };
  const { session, engine } = await sessionWith(
    { tools: [{ ...weather, execute }] },
    [{ reasoning: 'Two.' }, { text: 'I look: ' }],
    callOf('weather', { city: 'Oslo' }),
    callOf('weather', { city: 'Rome' }, 1),
  );
  assert.equal(await session.prompt('Weather?'), 'I look: rain {"sky":"clear"}');
  assert.equal(most, 2);
  assert.deepEqual(asked(engine)['tools'], declared);
  const turn = [
    { role: 'user', content: 'Weather?' },
    {
      role: 'assistant',
      content: 'I look: ',
      reasoning_content: 'Two.',
      tool_calls: [callMessage('call_0', { city: 'Oslo' }), callMessage('call_1', { city: 'Rome' })],
    },
    { role: 'tool', tool_call_id: 'call_0', name: 'weather', content: 'rain' },
    { role: 'tool', tool_call_id: 'call_1', name: 'weather', content: '{"sky":"clear"}' },
  ];
  assert.deepEqual(lastMessages(engine), turn);
  assert.ok(session.contextUsage > 0);
  // The conversation goes on with all of it.
  engine.answer = () => 'Bye.';
  const pieces = [];
  for await (const piece of session.promptStreaming('Thanks.')) pieces.push(piece);
  assert.deepEqual(pieces, ['Bye.']);
  assert.deepEqual(lastMessages(engine), [
    ...turn,
    { role: 'assistant', content: 'rain {"sky":"clear"}' },
    { role: 'user', content: 'Thanks.' },
  ]);
});

test('a failing tool, an unknown one and wrong arguments are told to the model', async () => {
  const fail = (thrown: unknown) => () => {
    throw thrown;
  };
  for (const [tool, call, told] of [
    [{ execute: () => 'x' }, callOf('weather', ' '), 'x'],
    [{ execute: fail(new Error('no network')) }, callOf('weather', {}), 'Error: no network'],
    [{ execute: () => Promise.reject('refused') }, callOf('weather', {}), 'Error: refused'],
    [{ execute: fail({ toString: fail(1) }) }, callOf('weather', {}), 'Error: the tool failed'],
    [{ execute: () => 1n }, callOf('weather', {}), /Error: .*BigInt/],
    [{ execute: () => undefined }, callOf('weather', {}), 'Done.'],
    [{ execute: () => 'x' }, callOf('clock', {}), 'Error: there is no tool "clock".'],
    [{ execute: () => 'x' }, callOf('weather', '{"city":'), 'Error: the arguments are not a JSON object.'],
    [{ execute: () => 'x' }, callOf('weather', '[1]'), 'Error: the arguments are not a JSON object.'],
    [{ execute: (args: object) => args }, callOf('weather', ''), '{}'],
  ] as const) {
    const { session, engine } = await sessionWith({ tools: [{ ...weather, ...tool }] }, call);
    await session.prompt('Weather?');
    const { content } = lastMessages(engine).at(-1);
    if (told instanceof RegExp) assert.match(content, told);
    else assert.equal(content, told);
  }
});

test('a model that only calls tools must answer at last', async () => {
  let calls = 0;
  const { session, engine } = await sessionWith({ tools: [{ ...weather, execute: () => String(++calls) }] });
  engine.answer = () => (asked(engine)['tool_choice'] === 'none' ? 'Enough.' : callOf('weather', {}));
  assert.equal(await session.prompt('Weather?'), 'Enough.');
  assert.equal(calls, 10);
});

test('an abort while a tool runs rejects at once, and nothing of the prompt is kept', async () => {
  const stop = new AbortController();
  let signalRun = () => {};
  const runs = new Promise<void>((resolve) => (signalRun = resolve));
  const execute = () => {
    signalRun();
    return new Promise(() => {});
  };
  const { session, engine } = await sessionWith({ tools: [{ ...weather, execute }] }, callOf('weather', {}));
  const prompt = session.prompt('Weather?', { signal: stop.signal });
  await runs;
  stop.abort();
  await assert.rejects(prompt, named('AbortError'));
  engine.answer = () => 'Hi.';
  assert.equal(await session.prompt('Hello'), 'Hi.');
  assert.deepEqual(lastMessages(engine), [{ role: 'user', content: 'Hello' }]);
});

test('calls of tools without execute are returned, and the page sends the results', async () => {
  const { session, engine } = await sessionWith(
    OPEN,
    { reasoning: 'Hm.' },
    { text: 'I look.' },
    callOf('weather', { city: 'Oslo' }),
    callOf('weather', {}, 1),
  );
  const answer = await session.prompt<LanguageModelOutput[]>('Weather?');
  assert.deepEqual(
    answer.map(({ type, value }) =>
      value instanceof LanguageModelToolCall ? [type, value.callId, value.callID, value.name, value.arguments] : value,
    ),
    [
      'I look.',
      ['tool-call', 'call_0', 'call_0', 'weather', { city: 'Oslo' }],
      ['tool-call', 'call_1', 'call_1', 'weather', {}],
    ],
  );
  const text = { type: 'text', value: 'rain' };
  const object = { type: 'object', value: { wind: 5 } };
  const failed = new LanguageModelToolError({ callID: 'call_1', name: 'weather', errorMessage: 'no city' });
  const next = await session.prompt<LanguageModelOutput[]>(answered(success('call_0', text, object), failed));
  assert.deepEqual(next, [{ type: 'text', value: 'rain\n{"wind":5} Error: no city' }]);
  assert.deepEqual(lastMessages(engine), [
    { role: 'user', content: 'Weather?' },
    {
      role: 'assistant',
      content: 'I look.',
      reasoning_content: 'Hm.',
      tool_calls: [callMessage('call_0', { city: 'Oslo' }), callMessage('call_1', {})],
    },
    { role: 'tool', tool_call_id: 'call_0', name: 'weather', content: 'rain\n{"wind":5}' },
    { role: 'tool', tool_call_id: 'call_1', name: 'weather', content: 'Error: no city' },
  ]);
});

test('a stream has text before calls, and an answer is always a list', async () => {
  const { session, engine } = await sessionWith(OPEN, { text: 'I ' }, { text: 'look.' }, callOf('weather', {}));
  const parts: string[] = [];
  for await (const { type, value } of session.promptStreaming<LanguageModelOutput>('Weather?'))
    parts.push(type === 'text' ? value : `${type} ${value.name}`);
  assert.deepEqual(parts, ['I ', 'look.', 'tool-call weather']);
  engine.answer = () => 'Hi.';
  assert.deepEqual(await session.prompt<LanguageModelOutput[]>('Hello'), [{ type: 'text', value: 'Hi.' }]);
  engine.answer = () => [];
  assert.deepEqual(await session.prompt<LanguageModelOutput[]>('Hello'), [{ type: 'text', value: '' }]);
});

test('of both kinds of tools, only the calls without execute are returned', async () => {
  const clock = { name: 'clock', description: 'The time', inputSchema, execute: () => 'noon' };
  const { session, engine } = await sessionWith(
    { ...OPEN, tools: [weather, clock] },
    callOf('clock', {}),
    callOf('weather', {}, 1),
  );
  const answer = await session.prompt<LanguageModelOutput[]>('When does it rain?');
  assert.deepEqual(
    answer.map(({ value }) => (value as LanguageModelToolCall).name),
    ['weather'],
  );
  await session.prompt(answered(success('call_1', { type: 'text', value: 'at noon' })));
  assert.deepEqual(resultsIn(lastMessages(engine)), ['noon', 'at noon']);
});

test('a clone has the tools, and both go on from the same calls', async () => {
  const { session, engine } = await sessionWith(OPEN, callOf('weather', {}));
  await session.prompt('Weather?');
  const copy = await session.clone();
  const results = answered(success('call_0', { type: 'text', value: 'sun' }));
  assert.deepEqual(await copy.prompt<LanguageModelOutput[]>(results), [{ type: 'text', value: 'sun' }]);
  assert.deepEqual(asked(engine)['tools'], declared);
  await session.prompt(results);
  assert.equal(lastMessages(engine).length, 3);
});

test('messages of earlier calls and results are appended, measured and prompted', async () => {
  const call = new LanguageModelToolCall({ callId: 'a', name: 'weather', arguments: { city: 'Oslo' } });
  const assistant = { role: 'assistant' as const, content: [{ type: 'tool-call', value: call }] };
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create({
    ...OPEN,
    initialPrompts: [{ role: 'user', content: 'Weather?' }, assistant],
  });
  const { content } = answered(success('a', { type: 'text', value: 'rain' }))[0]!;
  const input = [{ role: 'user' as const, content: [...content, { type: 'text', value: 'So?' }] }];
  assert.ok((await session.measureContextUsage(input)) > 0);
  await session.prompt(input);
  assert.deepEqual(lastMessages(engines[0]!), [
    { role: 'user', content: 'Weather?' },
    { role: 'assistant', content: null, tool_calls: [callMessage('a', { city: 'Oslo' })] },
    { role: 'tool', tool_call_id: 'a', name: 'weather', content: 'rain' },
    { role: 'user', content: 'So?' },
  ]);
});

test('tools are checked as the specification says', async () => {
  const { LanguageModel } = made();
  const create = (tool: object, more: object = {}) =>
    loosely(LanguageModel.create, LanguageModel, { ...OPEN, tools: [{ ...weather, ...tool }], ...more });
  const circular: Record<string, unknown> = { type: 'object' };
  circular['self'] = circular;
  const mine = new Error('mine');
  const throws = (name: string) =>
    Object.defineProperty({ type: 'object' }, name, {
      enumerable: true,
      get: () => {
        throw mine;
      },
    });
  for (const inputSchema of [
    null,
    undefined,
    'text',
    {},
    { properties: {} },
    { type: 'string' },
    { type: 'object', properties: 'none' },
    { type: 'object', required: 'city' },
    { type: 'object', toJSON: () => undefined },
    circular,
  ])
    await assert.rejects(create({ inputSchema }), TypeError, String(inputSchema));
  for (const name of ['type', 'properties', 'required', 'toJSON', 'other'])
    await assert.rejects(create({ inputSchema: throws(name) }), mine, name);
  for (const tool of [{ name: '' }, { description: '' }, { name: undefined }, { execute: 5 }, { name: Symbol('a') }])
    await assert.rejects(create(tool), TypeError);
  await assert.rejects(create({}, { tools: [weather, weather] }), TypeError);
  for (const expectedOutputs of [undefined, [], [{ type: 'text' }]])
    await assert.rejects(create({}, { expectedOutputs }), TypeError);
  for (const type of ['image', 'tool-response'])
    await assert.rejects(
      create({}, { expectedOutputs: [{ type: 'tool-call' }, { type }] }),
      named('NotSupportedError'),
    );
  await assert.rejects(create({}, { expectedInputs: [{ type: 'audio' }] }), named('NotSupportedError'));
  assert.ok(await create({ inputSchema: { type: 'object' } }));
  assert.ok(await create({ execute: () => '' }, { expectedOutputs: undefined }));
  assert.ok(await create({}, { tools: [] }));
  const availability = (options: object) => loosely(LanguageModel.availability, LanguageModel, options);
  assert.equal(await availability(OPEN), 'available');
  assert.equal(await availability({ tools: [weather] }), 'unavailable');
});

test('calls and results in messages are checked as the specification says', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create(OPEN);
  const plain = await LanguageModel.create();
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const mine = new Error('mine');
  const throwing = {
    get a() {
      throw mine;
    },
  };
  const call = (args: object) => new LanguageModelToolCall({ callId: 'a', name: 'weather', arguments: args });
  const message = (role: string, type: string, value: unknown) => [{ role, content: [{ type, value }] }];
  const result = (value: unknown, type = 'text') => message('user', 'tool-response', success('a', { type, value }));
  for (const [input, check] of [
    [message('user', 'tool-call', call({})), TypeError],
    [message('assistant', 'tool-response', success('a')), TypeError],
    [message('assistant', 'tool-call', 'text'), TypeError],
    [message('assistant', 'tool-call', success('a')), TypeError],
    [message('user', 'tool-response', call({})), TypeError],
    [message('user', 'tool-response', { callId: 'a', name: 'weather', result: [] }), TypeError],
    [message('assistant', 'text', call({})), TypeError],
    [message('assistant', 'tool-call', call([])), named('DataError')],
    [message('assistant', 'tool-call', call(circular)), named('DataError')],
    [message('assistant', 'tool-call', call(throwing)), mine],
    [result(circular), named('DataError')],
    [result(() => {}), named('DataError')],
    [result(1n), named('DataError')],
    [result(new Blob(), 'object'), named('DataError')],
    [result(throwing), mine],
    [result(new Blob(), 'image'), named('NotSupportedError')],
    [result(new Uint8Array(1), 'audio'), named('NotSupportedError')],
    [[{ role: 'assistant', content: [{ type: 'tool-call', value: call({}) }], prefix: true }], named('SyntaxError')],
  ] as const) {
    for (const method of [session.prompt, session.append, session.measureContextUsage])
      await assert.rejects(loosely(method, session, input), check as any);
  }
  for (const input of [message('assistant', 'tool-call', call({})), message('user', 'tool-response', success('a'))])
    await assert.rejects(loosely(plain.prompt, plain, input), named('NotSupportedError'));
  for (const value of ['text', { nested: { data: 123 } }, [1, 'a'], null])
    await loosely(session.append, session, result(value));
});

test('the interfaces convert their members', () => {
  const make = (Interface: unknown, init: unknown) => new (Interface as any)(init);
  const names = { callId: 'a', name: 'b' };
  for (const [Interface, init] of [
    [LanguageModelToolCall, undefined],
    [LanguageModelToolCall, { name: 'b' }],
    [LanguageModelToolCall, { callId: 'a' }],
    [LanguageModelToolCall, { ...names, arguments: 'text' }],
    [LanguageModelToolSuccess, names],
    [LanguageModelToolSuccess, { ...names, result: 'text' }],
    [LanguageModelToolSuccess, { ...names, result: [{ type: 'soup', value: 1 }] }],
    [LanguageModelToolSuccess, { ...names, result: [{ type: 'text' }] }],
    [LanguageModelToolError, names],
  ] as const)
    assert.throws(() => make(Interface, init), TypeError);
  const call = make(LanguageModelToolCall, { callID: 5, name: 'b' });
  assert.deepEqual([call.callId, call.callID, call.name, call.arguments], ['5', '5', 'b', {}]);
  assert.equal(Object.prototype.toString.call(call), '[object LanguageModelToolCall]');
  assert.equal(make(LanguageModelToolError, { ...names, errorMessage: 5 }).errorMessage, '5');
});
