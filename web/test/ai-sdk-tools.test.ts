// Tools with the AI SDK: its own tool loop, of each version, over a scripted engine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v7 from 'ai';
import * as v5 from 'ai-v5';
import * as v6 from 'ai-v6';
import { linnet, linnetV2, linnetV3 } from '../src/ai-sdk.ts';
import type { CallOptions, ToolOutput } from '../src/ai-sdk/types.ts';
import { LinnetError } from '../src/protocol/errors.ts';
import { callOf, FakeChat, type SaidToken } from './fakes/fake-chat.ts';

(globalThis as any).AI_SDK_LOG_WARNINGS = false;

/** The versions, with the same types: they do not differ in what is tested here. */
const VERSIONS = [
  { sdk: v7, model: linnet, name: 'ai 7' },
  { sdk: v6 as unknown as typeof v7, model: linnetV3 as unknown as typeof linnet, name: 'ai 6' },
  { sdk: v5 as unknown as typeof v7, model: linnetV2 as unknown as typeof linnet, name: 'ai 5' },
];
// Each version accepts the model that is made for it.
void ((engine: FakeChat): [v7.LanguageModel, v6.LanguageModel, v5.LanguageModel] => [
  linnet(engine),
  linnetV3(engine),
  linnetV2(engine),
]);

const FORECAST = { Oslo: 'rain', Rome: 'sun' };
const schema = { type: 'object' as const, properties: { city: { type: 'string' as const } }, required: ['city'] };

/** A tool that works and one that fails. */
function toolsOf({ tool, jsonSchema }: typeof v7) {
  const weather = tool({
    description: 'The weather in a city',
    inputSchema: jsonSchema<{ city: keyof typeof FORECAST }>(schema),
    execute: ({ city }) => Promise.resolve({ weather: FORECAST[city] }),
  });
  const broken = tool({
    description: 'Fails',
    inputSchema: jsonSchema<Record<string, never>>({ type: 'object' }),
    execute: (): Promise<string> => Promise.reject(new Error('no network')),
  });
  return { weather, broken };
}

/** An engine that thinks and asks for the weather of two cities, and then answers with the results. */
function engineWithCalls(): FakeChat {
  const engine = new FakeChat();
  engine.answer = (messages): readonly SaidToken[] =>
    messages.at(-1)?.role === 'tool'
      ? [{ text: 'Rain ' }, { text: 'and sun.' }]
      : [
          { reasoning: 'Two ' },
          { reasoning: 'cities.' },
          { text: 'I look.' },
          ...callOf('weather', { city: 'Oslo' }),
          ...callOf('weather', { city: 'Rome' }, 1),
        ];
  return engine;
}

const callIn = (id: string, city: string) => ({
  id,
  type: 'function',
  function: { name: 'weather', arguments: JSON.stringify({ city }) },
});
const resultIn = (tool_call_id: string, result: unknown) => ({
  role: 'tool',
  tool_call_id,
  name: 'weather',
  content: JSON.stringify(result),
});
/** What the engine gets in the second step. */
const SECOND = [
  { role: 'user', content: 'Weather in Oslo and Rome?' },
  {
    role: 'assistant',
    content: 'I look.',
    reasoning_content: 'Two cities.',
    tool_calls: [callIn('call_0', 'Oslo'), callIn('call_1', 'Rome')],
  },
  resultIn('call_0', { weather: 'rain' }),
  resultIn('call_1', { weather: 'sun' }),
];
const prompt = 'Weather in Oslo and Rome?';

for (const { sdk, model, name } of VERSIONS) {
  const { weather, broken } = toolsOf(sdk);

  test(`${name}: generateText runs tools until the answer`, async () => {
    const engine = engineWithCalls();
    const stopWhen = sdk.stepCountIs(5);
    const result = await sdk.generateText({ model: model(engine), prompt, tools: { weather }, stopWhen });
    assert.equal(result.text, 'Rain and sun.');
    assert.equal(result.finishReason, 'stop');
    const [first] = result.steps;
    assert.equal(result.steps.length, 2);
    assert.deepEqual(
      [first?.finishReason, first?.reasoningText, first?.text],
      ['tool-calls', 'Two cities.', 'I look.'],
    );
    assert.deepEqual(
      first?.toolCalls.map(({ toolCallId, input }) => [toolCallId, input]),
      [
        ['call_0', { city: 'Oslo' }],
        ['call_1', { city: 'Rome' }],
      ],
    );
    const usage = first?.usage as any;
    assert.equal(usage.outputTokenDetails?.reasoningTokens ?? usage.reasoningTokens, 2);
    assert.deepEqual(engine.requests[0]?.['tools'], [
      { type: 'function', function: { name: 'weather', description: 'The weather in a city', parameters: schema } },
    ]);
    assert.deepEqual(engine.requests[1]?.['messages'], SECOND);
  });

  test(`${name}: streamText streams reasoning, text, tool input and calls`, async () => {
    const engine = engineWithCalls();
    const stopWhen = sdk.stepCountIs(5);
    const result = sdk.streamText({ model: model(engine), prompt, tools: { weather }, stopWhen });
    const kinds: string[] = [];
    let input = '';
    for await (const part of result.fullStream) {
      const { type } = part;
      if (/^(reasoning|text|tool)-/.test(type) && type !== kinds.at(-1)) kinds.push(type);
      if (part.type === 'tool-input-delta') input += part.delta;
    }
    assert.equal(input, '{"city":"Oslo"}{"city":"Rome"}');
    assert.ok(kinds.includes('tool-result'));
    const call = ['tool-input-start', 'tool-input-delta', 'tool-input-end', 'tool-call'];
    assert.deepEqual(
      kinds.filter((kind) => kind !== 'tool-result'),
      [
        ...['reasoning-start', 'reasoning-delta', 'reasoning-end', 'text-start', 'text-delta', 'text-end'],
        ...[...call, ...call, 'text-start', 'text-delta', 'text-end'],
      ],
    );
    assert.equal(await result.text, 'Rain and sun.');
    assert.deepEqual(engine.requests[1]?.['messages'], SECOND);
  });

  test(`${name}: a failing tool, an unknown tool and invalid arguments are told to the model`, async () => {
    for (const [call, told] of [
      [callOf('broken', {}), /no network/],
      [callOf('unknown', {}), /unknown/],
      [callOf('weather', '{"city": '), /[Ii]nvalid/],
    ] as const) {
      const engine = new FakeChat();
      engine.answer = (messages) => (messages.at(-1)?.role === 'tool' ? 'Sorry.' : call);
      const tools = { weather, broken };
      const { text } = await sdk.generateText({ model: model(engine), prompt, tools, stopWhen: sdk.stepCountIs(5) });
      assert.equal(text, 'Sorry.');
      assert.match(engine.requests[1]?.['messages'].at(-1).content, told);
    }
  });

  test(`${name}: an abort during a call's arguments ends the stream without the call`, async () => {
    const stop = new AbortController();
    const parts: string[] = [];
    const result = sdk.streamText({
      model: model(engineWithCalls()),
      prompt,
      tools: { weather },
      abortSignal: stop.signal,
    });
    for await (const { type } of result.fullStream) {
      parts.push(type);
      if (type === 'tool-input-delta') stop.abort();
    }
    assert.equal(parts.at(-1), 'abort');
    assert.ok(!parts.includes('tool-call') && !parts.includes('error'), String(parts));
  });
}

const user = { role: 'user' as const, content: [{ type: 'text' as const, text: 'a' }] };

/** The request and the warnings of a call. */
async function asked(options: Partial<CallOptions>): Promise<{ request: Record<string, any>; warnings: unknown[] }> {
  const engine = new FakeChat();
  const { warnings } = await linnet(engine).doGenerate({ prompt: [user], ...options });
  return { request: engine.requests[0]!, warnings };
}

test('a tool choice has OpenAI’s shape', async () => {
  const tools = [{ type: 'function' as const, name: 'look', inputSchema: schema, strict: true }];
  const choiceOf = async (toolChoice: CallOptions['toolChoice']) => {
    const { request } = await asked({ tools, toolChoice });
    return request['tool_choice'];
  };
  assert.equal(await choiceOf(undefined), undefined);
  for (const type of ['auto', 'none', 'required'] as const) assert.equal(await choiceOf({ type }), type);
  const named = { type: 'function', function: { name: 'look' } };
  assert.deepEqual(await choiceOf({ type: 'tool', toolName: 'look' }), named);
  // Without tools there is nothing to choose.
  assert.equal((await asked({ toolChoice: { type: 'none' } })).request['tool_choice'], undefined);
  const { request } = await asked({ tools });
  assert.deepEqual(request['tools'], [
    { type: 'function', function: { name: 'look', strict: true, parameters: schema } },
  ]);
});

test('reasoning is OpenAI’s reasoning_effort, and Linnet’s own options are sent', async () => {
  for (const effort of ['none', 'minimal', 'low', 'medium', 'high'])
    assert.equal((await asked({ reasoning: effort })).request['reasoning_effort'], effort);
  for (const reasoning of [undefined, 'provider-default'])
    assert.ok(!('reasoning_effort' in (await asked({ reasoning })).request));
  for (const reasoning of ['xhigh', 'max']) {
    const { request, warnings } = await asked({ reasoning });
    assert.equal(request['reasoning_effort'], 'high');
    assert.deepEqual(warnings, [
      { type: 'compatibility', feature: 'reasoning', details: `"${reasoning}" is the same as "high".` },
    ]);
  }
  const own = {
    reasoning_effort: 'low',
    enable_thinking: false,
    parallel_tool_calls: false,
    chat_template_kwargs: { date: 'today' },
    documents: [{ text: 'a' }],
  };
  const { request } = await asked({ providerOptions: { linnet: own } });
  for (const [field, value] of Object.entries(own)) assert.deepEqual(request[field], value);
  const both = await asked({ reasoning: 'high', providerOptions: { linnet: own } });
  assert.equal(both.request['reasoning_effort'], 'high');
});

test('every kind of tool result is sent as text', async () => {
  const sent = async (output: ToolOutput) => {
    const result = { type: 'tool-result' as const, toolCallId: 'c', toolName: 'look', output };
    const call = { type: 'tool-call' as const, toolCallId: 'c', toolName: 'look', input: { at: 'this' } };
    const { request, warnings } = await asked({
      prompt: [user, { role: 'assistant', content: [call] }, { role: 'tool', content: [result] }],
    });
    const [, assistant, tool] = request['messages'];
    const called = { name: 'look', arguments: '{"at":"this"}' };
    assert.deepEqual(assistant, {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c', type: 'function', function: called }],
    });
    assert.deepEqual([tool.role, tool.tool_call_id, tool.name], ['tool', 'c', 'look']);
    return [tool.content, warnings.length];
  };
  assert.deepEqual(await sent({ type: 'text', value: 'a' }), ['a', 0]);
  assert.deepEqual(await sent({ type: 'json', value: { a: [1] } }), ['{"a":[1]}', 0]);
  assert.deepEqual(await sent({ type: 'json', value: null }), ['null', 0]);
  assert.deepEqual(await sent({ type: 'error-text', value: 'no' }), ['no', 0]);
  assert.deepEqual(await sent({ type: 'error-json', value: { code: 5 } }), ['{"code":5}', 0]);
  assert.deepEqual(await sent({ type: 'execution-denied', reason: 'not now' }), ['not now', 0]);
  assert.deepEqual(await sent({ type: 'execution-denied' }), ['The user did not allow this call.', 0]);
  const text = (text: string) => ({ type: 'text', text });
  assert.deepEqual(await sent({ type: 'content', value: [text('a'), text('b')] }), ['a\nb', 0]);
  assert.deepEqual(await sent({ type: 'content', value: [text('a'), { type: 'media' }] }), ['a', 1]);
});

test('a prompt keeps the order of calls and results, and the text of invalid arguments', async () => {
  const output = { type: 'text' as const, value: 'sunny' };
  const call = { type: 'tool-call' as const, toolCallId: 'c', toolName: 'look', input: '{"at": ' };
  const { request } = await asked({
    prompt: [
      { role: 'system', content: 'Be brief.' },
      user,
      {
        role: 'assistant',
        content: [
          call,
          { type: 'tool-result', toolCallId: 'c', toolName: 'look', output },
          { type: 'text', text: 'It is sunny.' },
        ],
      },
      { role: 'tool', content: [{ type: 'tool-approval-response' }] },
      user,
    ],
  });
  const called = { name: 'look', arguments: '{"at": ' };
  assert.deepEqual(request['messages'], [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'a' },
    { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: called }] },
    { role: 'tool', tool_call_id: 'c', name: 'look', content: 'sunny' },
    { role: 'assistant', content: 'It is sunny.' },
    { role: 'user', content: 'a' },
  ]);
});

test('files are rejected by their path, and other unsupported things cause warnings', async () => {
  const file = { type: 'file' as const, mediaType: 'image/png', data: new Uint8Array(1) };
  await assert.rejects(
    asked({ prompt: [user, { role: 'user', content: [user.content[0]!, file] }] }),
    (error: any) => error instanceof LinnetError && error.details['field'] === 'prompt[1].content[1]',
  );
  const options: CallOptions = {
    prompt: [user],
    tools: [
      { type: 'provider', id: 'other.search', name: 'search', args: {} },
      { type: 'function', name: 'look', inputSchema: {}, inputExamples: [{ input: {} }] },
    ],
  };
  const { warnings } = await linnet(new FakeChat()).doGenerate(options);
  assert.deepEqual(warnings, [
    { type: 'unsupported', feature: 'provider-defined tool other.search' },
    { type: 'unsupported', feature: 'inputExamples of the tool look' },
  ]);
  const older = await linnetV2(new FakeChat()).doGenerate(options);
  assert.deepEqual(older.warnings, [
    { type: 'unsupported-tool', tool: options.tools![0] },
    { type: 'unsupported-setting', setting: 'inputExamples of the tool look' },
  ]);
});

test('usage and the finish reason have the form of each version', async () => {
  const engine = engineWithCalls();
  const { usage, finishReason } = await linnet(engine).doGenerate({ prompt: [user] });
  assert.deepEqual(finishReason, { unified: 'tool-calls', raw: 'tool_calls' });
  const total = usage.outputTokens.total!;
  assert.deepEqual(usage, {
    inputTokens: { total: 2, noCache: 1, cacheRead: 1, cacheWrite: undefined },
    outputTokens: { total, text: total - 2, reasoning: 2 },
  });
  assert.deepEqual((await linnetV3(engine).doGenerate({ prompt: [user] })).usage, usage);
  const older = await linnetV2(engine).doGenerate({ prompt: [user] });
  assert.equal(older.finishReason, 'tool-calls');
  assert.deepEqual(older.usage, {
    inputTokens: 2,
    outputTokens: total,
    totalTokens: total + 2,
    reasoningTokens: 2,
    cachedInputTokens: 1,
  });
});
