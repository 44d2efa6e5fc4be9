import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnswerOptions, AnswerPiece, Messages } from '../../src/element/providers/answerer.ts';
import { type AnswerTarget, Asking } from '../../src/element/providers/asking.ts';
import { Memory, TokenRate } from '../../src/element/providers/conversation.ts';
import { ThinkTags } from '../../src/element/providers/think-tags.ts';
import { type PageTool, definitionsOf, toolFault } from '../../src/element/tools/page-tool.ts';
import type { Round, RoundPiece, ToolCall } from '../../src/element/tools/rounds.ts';
import { type CallEnd, runCall } from '../../src/element/tools/run-call.ts';

const call = (name: string, args = '{}'): ToolCall => ({ id: 'c', name, arguments: args });
const never = () => Promise.reject(new Error('it asks'));

test('each end of a call is a text for the model', async () => {
  const { signal } = new AbortController();
  const tool = (execute: PageTool['execute'], confirm: PageTool['confirm'] = false): PageTool[] => [
    { name: 't', execute, confirm },
  ];
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  for (const [tools, args, end] of [
    [tool(() => 'text'), '{}', 'done: text'],
    [tool((args) => args), ' ', 'done: {}'],
    [tool((args) => args.a + 1), '{"a":1}', 'done: 2'],
    [tool(() => undefined), '{}', 'done: Done.'],
    [tool(() => null), '{}', 'done: null'],
    [tool(async () => ({ a: [1] })), '{}', 'done: {"a":[1]}'],
    [tool(() => 'x'.repeat(30_000)), '{}', `done: ${'x'.repeat(20_000)}`],
    [tool(() => Promise.reject(new Error('no bread'))), '{}', 'failed: Error: no bread'],
    [tool(() => Promise.reject('no bread')), '{}', 'failed: Error: no bread'],
    [tool(() => Promise.reject(Object.create(null))), '{}', 'failed: Error: the tool failed'],
    [tool(() => 1n), '{}', /^failed: Error: .*BigInt/],
    [tool(() => circle), '{}', /^failed: Error: .*circular/],
    [tool(() => 'ran'), '{"a":', 'failed: Error: the arguments are not a JSON object: {"a":'],
    [tool(() => 'ran'), 'null', 'failed: Error: the arguments are not a JSON object: null'],
    [[], '{}', /^failed: Error: there is no tool of this name/],
  ] as const) {
    const { result, outcome } = await runCall(tools, call('t', args), signal, never);
    if (end instanceof RegExp) assert.match(`${outcome}: ${result}`, end);
    else assert.equal(`${outcome}: ${result}`, end);
  }
});

test('a tool that needs agreement runs only with it', async () => {
  const { signal } = new AbortController();
  const asked: (string | undefined)[] = [];
  let ran = 0;
  for (const [confirm, allow] of [
    [true, false],
    ['Sure?', true],
  ] as const) {
    const tools: PageTool[] = [{ name: 't', confirm, execute: () => ++ran }];
    const { outcome } = await runCall(tools, call('t'), signal, async (question) => {
      asked.push(question);
      return allow;
    });
    assert.equal(outcome, allow ? 'done' : 'refused');
  }
  assert.deepEqual([ran, asked], [1, [undefined, 'Sure?']]);
});

test('stopping ends a call at once, and none begins after it', async () => {
  for (const listens of [true, false]) {
    const stop = new AbortController();
    const execute: PageTool['execute'] = (_, { signal }) =>
      new Promise((_, reject) => listens && signal.addEventListener('abort', () => reject(new Error('late'))));
    const end = runCall([{ name: 't', execute }], call('t'), stop.signal, never);
    stop.abort();
    assert.equal((await end).outcome, 'stopped');
    assert.equal((await runCall([{ name: 't', execute }], call('t'), stop.signal, never)).outcome, 'stopped');
  }
});

test('wrong tools are named', () => {
  const execute = () => 1;
  for (const [tools, fault] of [
    [[{ name: 'a', execute }], undefined],
    [{}, /array/],
    [[null], /tools\[0\]\.name/],
    [
      [
        { name: 'a', execute },
        { name: 'b c', execute },
      ],
      /tools\[1\]\.name/,
    ],
    [[{ name: 'a' }], /tools\[0\]\.execute/],
    [[{ name: 'a', execute, description: 1 }], /tools\[0\]\.description/],
    [[{ name: 'a', execute, parameters: 'none' }], /tools\[0\]\.parameters/],
    [
      [
        { name: 'a', execute },
        { name: 'a', execute },
      ],
      /twice/,
    ],
  ] as const) {
    const found = toolFault(tools);
    if (fault) assert.match(found ?? '', fault);
    else assert.equal(found, undefined);
  }
  assert.deepEqual(definitionsOf([{ name: 'a', execute, confirm: true }]), [
    { type: 'function', function: { name: 'a', parameters: { type: 'object', properties: {} } } },
  ]);
});

/** Keeps rounds as a `ChatTurn` does. */
class Target implements AnswerTarget {
  rounds: (Round & { calls: ToolCall[] })[] = [{ text: '', calls: [] }];
  add({ text = '', calls = [] }: RoundPiece): void {
    const round = this.rounds.at(-1)!;
    round.text += text;
    for (const { id = '', name = '', arguments: args } of calls) round.calls.push({ id, name, arguments: args });
  }
  nextRound(): void {
    this.rounds.push({ text: '', calls: [] });
  }
  async confirmCall(): Promise<boolean> {
    return false;
  }
  endCall(index: number, end: CallEnd): void {
    Object.assign(this.rounds.at(-1)!.calls[index]!, end);
  }
}

/** Asks with tools. @returns the messages and options of each request, and the rounds */
async function askWith(answer: (messages: Messages, options: AnswerOptions) => AnswerPiece[]) {
  const requests: { messages: Messages; options: AnswerOptions }[] = [];
  const target = new Target();
  const answerer = {
    contextLength: 4096,
    async *answer(messages: Messages, options: AnswerOptions) {
      requests.push({ messages, options });
      yield* answer(messages, options);
    },
  };
  const tools: PageTool[] = [{ name: 'add', execute: ({ a, b }) => a + b }];
  const material = { system: '', context: '', past: [], question: 'How many?' };
  const options = { maxTokens: 100, temperature: undefined, tools, signal: new AbortController().signal };
  for await (const _ of new Asking().askWithTools<AnswerPiece, AnswerOptions>(answerer, material, options, target));
  return { requests, rounds: target.rounds };
}

const piece = (args: string, more: AnswerPiece = {}): AnswerPiece => ({
  calls: [{ index: 0, id: 'c1', name: 'add', arguments: args }],
  ...more,
});

test('results are sent back until the model answers', async () => {
  const { requests, rounds } = await askWith((messages) =>
    messages.at(-1)!.role === 'tool' ? [{ text: 'Five.' }] : [piece('{"a":2,"b":3}')],
  );
  assert.equal(requests.length, 2);
  assert.deepEqual(requests[1]!.messages.at(-1), { role: 'tool', tool_call_id: 'c1', name: 'add', content: '5' });
  assert.deepEqual(
    rounds.map(({ text, calls }) => [text, calls.map(({ result }) => result)]),
    [
      ['', ['5']],
      ['Five.', []],
    ],
  );
});

test('a call that was cut off does not run', async () => {
  const { requests, rounds } = await askWith(() => [piece('{"a":2,"b":3}', { finishReason: 'length' })]);
  assert.equal(requests.length, 1);
  assert.equal(rounds[0]!.calls[0]!.outcome, 'failed');
});

test('a model that never stops calling is told to answer, and then ends', async () => {
  const { requests, rounds } = await askWith(() => [piece('{"a":2,"b":3}')]);
  assert.equal(requests.length, 9);
  assert.deepEqual(
    requests.map(({ options }) => options.toolChoice),
    [...Array(8).fill(undefined), 'none'],
  );
  assert.match(rounds.at(-1)!.calls[0]!.result ?? '', /too many calls/);
});

test('earlier calls are part of the conversation, with limited results and without reasoning', () => {
  const rounds: Round[] = [
    {
      reasoning: 'Hm.',
      text: '',
      calls: [
        { id: 'a', name: 'look', arguments: '{"a":', result: 'r'.repeat(5000), outcome: 'done' },
        { id: 'b', name: '', arguments: '' },
      ],
    },
  ];
  const past = [{ question: 'One?', answer: '', rounds }];
  const material = { system: '', context: '', past, question: 'Two?', rounds };
  const { messages } = new Memory().fit(material, 10_000);
  const [question, asked, result, missing, closing, next, again] = messages;
  assert.deepEqual([question!.content, next!.content], ['One?', 'Two?']);
  const called = {
    role: 'assistant',
    content: null,
    tool_calls: [
      { id: 'a', type: 'function', function: { name: 'look', arguments: '{}' } },
      { id: 'b', type: 'function', function: { name: 'unknown', arguments: '{}' } },
    ],
  };
  assert.deepEqual(asked, called);
  assert.deepEqual(again, { ...called, reasoning_content: 'Hm.' });
  assert.equal(result!.content, `${'r'.repeat(2500)}…`);
  assert.match(String(missing!.content), /ended before/);
  assert.deepEqual(closing, { role: 'assistant', content: '(no answer)' });
  // A short room drops the whole exchange, never a part of it.
  const few = new Memory().fit({ ...material, rounds: [] }, 100);
  assert.deepEqual([few.dropped, few.messages.length], [1, 1]);
});

test('tools count as a part of the prompt', () => {
  const rate = new TokenRate();
  rate.learn([{ role: 'user', content: 'Hi' }], 100, 398);
  assert.equal(rate.characters(100), 400);
});

test('a server’s <think> at the beginning is reasoning, in pieces of any size', () => {
  for (const [text, reasoning, answer] of [
    ['<think>\nHm < hm.</think>\n\nYes </think> no', '\nHm < hm.', 'Yes </think> no'],
    [' \n<think></think>Yes', '', 'Yes'],
    ['Yes <think>no</think>', '', 'Yes <think>no</think>'],
    ['<think>Never ends </thi', 'Never ends </thi', ''],
    ['<thin', '', '<thin'],
    ['', '', ''],
  ] as const) {
    for (const size of [1, 2, 3, 100]) {
      const tags = new ThinkTags();
      const pieces: AnswerPiece[] = [];
      for (let at = 0; at < text.length; at += size) pieces.push(tags.split({ text: text.slice(at, at + size) }));
      pieces.push(tags.split({ finishReason: 'stop' }));
      const joined = (name: 'text' | 'reasoning') => pieces.map((piece) => piece[name] ?? '').join('');
      assert.deepEqual([joined('reasoning'), joined('text')], [reasoning, answer], `${text} in pieces of ${size}`);
    }
  }
});
