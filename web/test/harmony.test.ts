// An answer of gpt-oss, as the engine makes its events of real token ids: reasoning, a call, and the answer upon its
// result come out apart, and go back to the engine as messages. The recording has the requests that the engine got.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v7 from 'ai';
import * as v5 from 'ai-v5';
import * as v6 from 'ai-v6';
import { linnet, linnetV2, linnetV3 } from '../src/ai-sdk.ts';
import type { ChatRequest, ChatTool } from '../src/index.ts';
import { FakeChat } from './fakes/fake-chat.ts';
import { recording } from './fakes/recording.ts';

(globalThis as any).AI_SDK_LOG_WARNINGS = false;

const TURNS = recording('harmony.jsonl');
const [asking, answering] = TURNS;
const [{ function: declared }] = asking!.request.tools as [ChatTool];
const RESULT = answering!.request.messages.at(-1)!.content as string;
const REASONING = 'The user asks about rain, so I call the tool.';
const ANSWER = 'Yes, a little: **2.5 mm**.';
const THANKS = { role: 'user', content: 'Thank you!' } as const;

function recordedEngine(): FakeChat {
  const engine = new FakeChat(4096);
  engine.recorded = TURNS.map(({ events }) => events);
  return engine;
}

/** What messages say, in whatever form: the AI SDK writes the JSON of arguments again, without spaces. */
function essence(messages: ChatRequest['messages']) {
  return (messages as readonly any[]).map(({ role, content, reasoning_content, tool_calls, tool_call_id }) => ({
    role,
    content: content ?? '',
    reasoning_content,
    tool_calls: tool_calls?.map((call: any) => ({
      ...call,
      function: { ...call.function, arguments: JSON.parse(call.function.arguments) },
    })),
    tool_call_id,
  }));
}

/** The engine gets what it got when its events were recorded. */
function assertSent(engine: FakeChat, turns = 2): void {
  assert.deepEqual(
    engine.requests.map(({ messages }) => essence(messages)),
    TURNS.slice(0, turns).map(({ request }) => essence(request.messages)),
  );
}

const usageOf = (turn: (typeof TURNS)[number] | undefined) => {
  const done = turn!.events.at(-1)!;
  assert.ok(done.type === 'done' && done.usage.reasoning_tokens > 0);
  return done.usage;
};

test('whole answers of the chat API have reasoning, calls and content apart', async () => {
  const engine = recordedEngine();
  const { tools } = asking!.request;
  const messages = [...asking!.request.messages];
  const first = await engine.chat.completions.create({ messages, tools: tools! });
  const [{ message, finish_reason }] = first.choices;
  assert.deepEqual(
    [message.content, message.reasoning_content, message.reasoning, finish_reason],
    [null, REASONING, REASONING, 'tool_calls'],
  );
  const [call, ...others] = message.tool_calls!;
  assert.deepEqual([call!.type, others], ['function', []]);
  assert.deepEqual(call!.function, { name: 'get_weather', arguments: '{"city": "Zürich", "days": 2}' });
  const { reasoning_tokens, ...counts } = usageOf(asking);
  assert.deepEqual(first.usage, { ...counts, completion_tokens_details: { reasoning_tokens } });

  messages.push(message, { role: 'tool', tool_call_id: call!.id, content: RESULT });
  const second = await engine.chat.completions.create({ messages, tools: tools! });
  const [{ message: answer, finish_reason: end }] = second.choices;
  assert.deepEqual(
    [answer.content, answer.reasoning_content, answer.tool_calls, end],
    [ANSWER, '2.5 mm is a little.', undefined, 'stop'],
  );

  messages.push(answer, THANKS);
  const third = await engine.chat.completions.create({ messages, tools: tools! });
  const { content, reasoning_content, tool_calls } = third.choices[0].message;
  assert.deepEqual([content, reasoning_content], ['Let me check Bern, too.', undefined]);
  assert.deepEqual(JSON.parse(tool_calls![0]!.function.arguments), { city: 'Bern' });
  assertSent(engine, 3);
});

test('a stream of the chat API has each part in deltas of its own', async () => {
  const engine = recordedEngine();
  const kinds: string[] = [];
  const joined = { content: '', reasoning_content: '', arguments: '' };
  for await (const { choices, usage } of engine.chat.completions.create({ ...asking!.request, stream: true })) {
    const [{ delta, finish_reason }] = choices;
    for (const kind of ['content', 'reasoning_content'] as const) joined[kind] += delta[kind] ?? '';
    for (const { index, id, function: called } of delta.tool_calls ?? []) {
      assert.equal(index, 0);
      // The first piece names the call.
      assert.equal(called.name, joined.arguments === '' ? 'get_weather' : undefined);
      assert.equal(id !== undefined, called.name !== undefined);
      joined.arguments += called.arguments;
    }
    const kind = delta.tool_calls ? 'call' : delta.reasoning_content ? 'reasoning' : delta.content ? 'text' : '';
    if (kind && kind !== kinds.at(-1)) kinds.push(kind);
    if (finish_reason) {
      assert.equal(finish_reason, 'tool_calls');
      const { reasoning_tokens } = usageOf(asking);
      assert.deepEqual(usage?.completion_tokens_details, { reasoning_tokens });
    }
  }
  assert.deepEqual(kinds, ['reasoning', 'call']);
  assert.deepEqual(joined, {
    content: '',
    reasoning_content: REASONING,
    arguments: '{"city": "Zürich", "days": 2}',
  });
});

for (const { sdk, model, name } of [
  { sdk: v7, model: linnet, name: 'ai 7' },
  { sdk: v6 as unknown as typeof v7, model: linnetV3 as unknown as typeof linnet, name: 'ai 6' },
  { sdk: v5 as unknown as typeof v7, model: linnetV2 as unknown as typeof linnet, name: 'ai 5' },
]) {
  test(`${name}: streamText runs the tool, with reasoning in parts of its own`, async () => {
    const engine = recordedEngine();
    const ran: unknown[] = [];
    const get_weather = sdk.tool({
      description: declared.description!,
      inputSchema: sdk.jsonSchema<{ city: string; days?: number }>(declared.parameters as object),
      execute: async (input) => {
        ran.push(input);
        return RESULT;
      },
    });
    const prompt = asking!.request.messages[0]!.content as string;
    const tools = { get_weather };
    const result = sdk.streamText({ model: model(engine), prompt, tools, stopWhen: sdk.stepCountIs(4) });
    const parts: { type: string; text: string }[] = [];
    for await (const part of result.fullStream) {
      const text = 'text' in part && typeof part.text === 'string' ? part.text : '';
      if (part.type === 'error') throw part.error;
      if (!/^(reasoning|text|tool)-/.test(part.type)) continue;
      if (parts.at(-1)?.type === part.type) parts.at(-1)!.text += text;
      else parts.push({ type: part.type, text });
    }
    assert.deepEqual(ran, [{ city: 'Zürich', days: 2 }]);
    const said = (type: string) => parts.filter((part) => part.type === type).map(({ text }) => text);
    assert.deepEqual(said('reasoning-delta'), [REASONING, '2.5 mm is a little.']);
    assert.deepEqual(said('text-delta'), [ANSWER]);
    assert.deepEqual(
      parts.map(({ type }) => type).filter((type) => !type.endsWith('-delta')),
      [
        ...['reasoning-start', 'reasoning-end', 'tool-input-start', 'tool-input-end', 'tool-call', 'tool-result'],
        ...['reasoning-start', 'reasoning-end', 'text-start', 'text-end'],
      ],
    );
    const steps = await result.steps;
    const usages = steps.map(({ usage }: { usage: any }) => [
      usage.outputTokenDetails?.reasoningTokens ?? usage.reasoningTokens,
      usage.outputTokens,
    ]);
    const counted = [asking, answering].map((turn) => [
      usageOf(turn).reasoning_tokens,
      usageOf(turn).completion_tokens,
    ]);
    assert.deepEqual(usages, counted);
    assert.deepEqual(
      steps.map(({ finishReason }) => finishReason),
      ['tool-calls', 'stop'],
    );
    assertSent(engine);

    // Before `ai` 7 the messages of all steps were those of the response.
    const written = (await result.responseMessages) ?? (await result.response).messages;
    const messages = [{ role: 'user' as const, content: prompt }, ...written, THANKS];
    const next = await sdk.generateText({ model: model(engine), messages, tools });
    assert.equal(next.text, 'Let me check Bern, too.');
    assertSent(engine, 3);
  });
}
