// The Prompt API's interface: the order of checks, errors and attributes, as in the specification.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinnetError } from '../../src/protocol/errors.ts';
import { CreateMonitor, LanguageModel as Base, languageModelOf } from '../../src/prompt-api.ts';
import { EngineProvider } from '../../src/prompt-api/provider.ts';
import { FakeChat } from '../fakes/fake-chat.ts';
import { asked, loosely, made, named } from '../fakes/fake-language-model.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('promptStreaming throws what other methods reject with; a failing answer fails the stream', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  const mine = new Error('mine');
  const stream = (...args: unknown[]): ReadableStream<string> => loosely(session.promptStreaming, session, ...args);
  assert.throws(() => stream('x', { signal: AbortSignal.abort() }), named('AbortError'));
  assert.throws(() => stream('x', { signal: AbortSignal.abort(mine) }), mine);
  for (const args of [
    [],
    ['x', 5],
    ['x', { signal: {} }],
    [[{ role: 'robot', content: 'x' }]],
    ['x', { responseConstraint: 5 }],
  ]) {
    assert.throws(() => stream(...args), TypeError);
  }
  for (const [args, check] of [
    [[[{ role: 'user', content: [{ type: 'image', value: new Blob() }] }]], named('NotSupportedError')],
    [[[{ role: 'user', content: 'x', prefix: true }]], named('SyntaxError')],
    [['x', { responseConstraint: { const: 1n } }], named('NotSupportedError')],
    [['x', { omitResponseConstraintInput: true }], TypeError],
    [
      [
        [
          { role: 'user', content: 'x' },
          { role: 'system', content: 'y' },
        ],
      ],
      TypeError,
    ],
  ] as const) {
    await assert.rejects(
      stream(...args)
        .getReader()
        .read(),
      check as any,
    );
  }
  for (const method of [session.prompt, session.append, session.measureContextUsage, session.measureInputUsage])
    await assert.rejects(loosely(method, session), TypeError);
});

test('an abort rejects at once, even before the engine gets the request', async () => {
  const LanguageModel = languageModelOf(
    new EngineProvider(() => {
      const engine = new FakeChat();
      engine.chat.completions.create = (() => ({
        [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
      })) as any;
      return Promise.resolve(engine);
    }),
  );
  const session = await LanguageModel.create();
  const stop = new AbortController();
  const mine = new Error('mine');
  const asked = [
    session.prompt('a', { signal: stop.signal }),
    session.promptStreaming('b', { signal: stop.signal }).getReader().read(),
    session.append('c', { signal: stop.signal }),
  ];
  await pause(5);
  stop.abort(mine);
  for (const promise of asked) await assert.rejects(promise, mine);
});

test('the signal of create ends the session at any time', async () => {
  const mine = new Error('mine');
  for (const [at, loaded] of [
    [0, false],
    [1, false],
    [0, true],
    [1, true],
  ] as const) {
    const { LanguageModel, engines } = made(undefined, 5);
    const other = loaded ? await LanguageModel.create() : undefined;
    const stop = new AbortController();
    const seen: number[] = [];
    let reached = () => {};
    const event = new Promise<void>((resolve) => (reached = resolve));
    const making = LanguageModel.create({
      signal: stop.signal,
      monitor: (m) =>
        m.addEventListener('downloadprogress', (event) => {
          seen.push((event as ProgressEvent).loaded);
          if (seen.at(-1) === at) reached();
        }),
    });
    await event;
    stop.abort(mine);
    await assert.rejects(making, mine);
    other?.destroy();
    await pause(50);
    assert.equal(seen.at(-1), at, 'no event follows an abort');
    assert.ok(
      engines.every(({ disposed }) => disposed),
      'the model is let go',
    );
  }
  const { LanguageModel, engines } = made(undefined, 5);
  const stop = new AbortController();
  const session = await LanguageModel.create({ signal: stop.signal, initialPrompts: [{ role: 'user', content: 'a' }] });
  const answer = session.prompt('a b c d e f');
  stop.abort(mine);
  await assert.rejects(answer, mine);
  for (const late of [session.prompt('x'), session.append('x'), session.measureContextUsage('x'), session.clone()])
    await assert.rejects(late as Promise<unknown>, mine);
  await pause(50);
  assert.ok(engines[0]!.disposed);
});

test('a queued system prompt is rejected if another message came first', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const system = [{ role: 'system' as const, content: 'Be brief.' }];
  const first = session.prompt('a b c');
  await Promise.all([
    first,
    assert.rejects(session.prompt(system), TypeError),
    assert.rejects(session.append(system), TypeError),
  ]);
  assert.deepEqual(await session.prompt('d'), 're: d');
  assert.ok(!asked(engines[0]!)['messages'].some(({ role }: any) => role === 'system'));
  // If the earlier prompt failed, the conversation is still empty.
  const other = await LanguageModel.create();
  const stop = new AbortController();
  const aborted = other.prompt('a b c', { signal: stop.signal });
  const later = other.append(system);
  stop.abort();
  await assert.rejects(aborted, named('AbortError'));
  await later;
});

test('a system prompt can be measured at any time', async () => {
  const { LanguageModel } = made();
  const initialPrompts = [
    { role: 'system' as const, content: 'one two' },
    { role: 'user' as const, content: 'three' },
  ];
  const session = await LanguageModel.create({ initialPrompts });
  assert.equal(await session.measureContextUsage(initialPrompts), session.contextUsage);
  await assert.rejects(session.measureContextUsage([...initialPrompts].reverse()), TypeError);
  const empty = await LanguageModel.create();
  await empty.append([]);
  assert.equal(empty.contextUsage, 0);
});

test('the context overflows exactly when it is full', async () => {
  const { LanguageModel, engines } = made(100);
  const session = await LanguageModel.create();
  await session.append('word '.repeat(99));
  assert.equal(session.contextUsage, 100);
  await assert.rejects(
    LanguageModel.create({ initialPrompts: [{ role: 'user', content: 'word '.repeat(100) }] }),
    (error: any) => error.requested === 101 && error.quota === 100,
  );
  // The engine's own count decides.
  engines[0]!.chat.completions.create = () => {
    throw new LinnetError('context-full', 'too long', { prompt_tokens: 140, context_length: 100 });
  };
  const other = await LanguageModel.create();
  await assert.rejects(
    other.prompt('x'),
    (error: any) => named('QuotaExceededError')(error) && error.requested === 140 && error.quota === 100,
  );
});

test('classes look like a browser’s interfaces', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  assert.equal(Object.prototype.toString.call(session), '[object LanguageModel]');
  assert.deepEqual(
    [LanguageModel.name, Base.name, CreateMonitor.name],
    ['LanguageModel', 'LanguageModel', 'CreateMonitor'],
  );
  assert.ok(session instanceof LanguageModel && session instanceof EventTarget);
  assert.throws(() => new (LanguageModel as any)(), TypeError);
  assert.throws(() => new CreateMonitor(), TypeError);
  const members = new Set<string>();
  for (const name in session) members.add(name);
  for (const name of [
    'prompt',
    'promptStreaming',
    'append',
    'measureContextUsage',
    'contextUsage',
    'contextWindow',
    'oncontextoverflow',
    'samplingMode',
    'clone',
    'destroy',
    'measureInputUsage',
    'inputUsage',
    'inputQuota',
    'onquotaoverflow',
    'topK',
    'temperature',
  ]) {
    assert.ok(members.has(name), `${name} is enumerable`);
  }
  assert.deepEqual(Object.keys(session), []);
  assert.deepEqual(
    [
      LanguageModel.create.length,
      session.prompt.length,
      session.promptStreaming.length,
      session.append.length,
      session.clone.length,
    ],
    [0, 1, 1, 1, 0],
  );
  const { create, availability, params } = LanguageModel;
  assert.ok((await create()) instanceof LanguageModel);
  assert.equal(await availability(), 'available');
  assert.equal((await params())!.maxTemperature, 2);
  assert.throws(() => ((session as any).contextUsage = 5), TypeError);
});

test('event handlers are attributes, as in HTML', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  const heard: string[] = [];
  assert.equal(session.oncontextoverflow, null);
  const first = () => heard.push('first');
  session.oncontextoverflow = first;
  session.addEventListener('contextoverflow', () => heard.push('listener'));
  session.oncontextoverflow = function (this: unknown) {
    heard.push(this === session ? 'second' : 'wrong this');
  };
  session.dispatchEvent(new Event('contextoverflow'));
  assert.deepEqual(heard, ['second', 'listener']);
  session.oncontextoverflow = 'x' as any;
  assert.equal(session.oncontextoverflow, null);
  session.dispatchEvent(new Event('contextoverflow'));
  assert.deepEqual(heard, ['second', 'listener', 'listener']);
});

test('calls from a page that is no longer shown are rejected', async (t) => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  const page = globalThis as { document?: unknown };
  page.document = { defaultView: null };
  t.after(() => delete page.document);
  for (const ask of [
    () => LanguageModel.availability(),
    () => LanguageModel.create(),
    () => session.prompt('x'),
    () => session.append('x'),
    () => session.clone(),
  ]) {
    await assert.rejects(ask as () => Promise<unknown>, named('InvalidStateError'));
  }
  assert.throws(() => session.promptStreaming('x'), named('InvalidStateError'));
});

test('messages are reordered for templates that require an order', async () => {
  const { LanguageModel, engines } = made();
  const first = await LanguageModel.create();
  const engine = engines[0]!;
  const { create } = engine.chat.completions;
  const check = ({ messages }: { messages: readonly { role: string }[] }) => {
    const said = messages.filter(({ role }) => role !== 'system');
    const strict = said.every(({ role }, i) => role === (i % 2 === 0 ? 'user' : 'assistant'));
    if (!strict) throw new LinnetError('invalid-request', 'Conversation roles must alternate', { field: 'messages' });
  };
  const count = engine.countTokens.bind(engine);
  engine.countTokens = async (request) => {
    check(request);
    return count(request);
  };
  engine.chat.completions.create = ((request: any) => {
    check(request);
    return create.call(engine.chat.completions, request);
  }) as any;
  const system = { role: 'system' as const, content: 'Be brief.' };
  const session = await LanguageModel.create({ initialPrompts: [system, { role: 'assistant', content: 'Hi' }] });
  await session.append('one');
  assert.ok((await session.measureContextUsage('two')) > 0);
  await session.prompt([
    { role: 'user', content: 'two' },
    { role: 'user', content: 'three' },
  ]);
  assert.deepEqual(
    asked(engine)['messages'].map(({ role, content }: any) => `${role}: ${content}`),
    ['system: Be brief.', 'user: ', 'assistant: Hi', 'user: one\n\ntwo\n\nthree'],
  );
  // Also without a count before it.
  await first.prompt([
    { role: 'user', content: 'four' },
    { role: 'user', content: 'five' },
  ]);
  assert.equal(asked(engine)['messages'].at(-1).content, 'four\n\nfive');
  // A template that fails for another reason is not tried repeatedly.
  engine.failure = new LinnetError('bad-template', 'no');
  await assert.rejects(first.prompt('six'), named('UnknownError'));
});
