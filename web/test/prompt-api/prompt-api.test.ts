import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinnetError } from '../../src/protocol/errors.ts';
import { installLanguageModel, languageModelOf } from '../../src/prompt-api.ts';
import { EngineProvider } from '../../src/prompt-api/provider.ts';
import { FakeChat } from '../fakes/fake-chat.ts';
import { asked, made, named } from '../fakes/fake-language-model.ts';

test('a session answers and remembers', async () => {
  const { LanguageModel, engines } = made();
  assert.equal(await LanguageModel.availability(), 'downloadable');
  const making = LanguageModel.create({
    initialPrompts: [{ role: 'system', content: 'Be brief.' }],
    temperature: 0.5,
    topK: 3,
  });
  await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(await LanguageModel.availability(), 'downloading');
  const session = await making;
  assert.equal(await LanguageModel.availability(), 'available');
  assert.deepEqual(
    [session.temperature, session.topK, session.samplingMode, session.inputQuota, session.contextWindow],
    [0.5, 3, null, 1000, 1000],
  );
  assert.equal(session.inputUsage, 3);
  assert.equal(await session.prompt('one two'), 're: one two');
  assert.equal(session.inputUsage, 3 + 3 + 3);
  assert.equal(
    await session.prompt([
      {
        role: 'user',
        content: [
          { type: 'text', value: 'th' },
          { type: 'text', value: 'ree' },
        ],
      },
    ]),
    're: three',
  );
  const { messages, temperature, top_k } = asked(engines[0]!);
  assert.deepEqual([temperature, top_k], [0.5, 3]);
  assert.deepEqual(messages, [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'one two' },
    { role: 'assistant', content: 're: one two' },
    { role: 'user', content: 'three' },
  ]);
});

test('a stream emits text as it arrives, and can be cancelled', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const pieces = [];
  for await (const piece of session.promptStreaming('a b')) pieces.push(piece);
  assert.deepEqual(pieces, ['re:', ' a', ' b']);
  const reader = session.promptStreaming('c d e f').getReader();
  assert.equal((await reader.read()).value, 're:');
  await reader.cancel();
  assert.equal(await session.prompt('g'), 're: g');
  assert.ok(
    !asked(engines[0]!)['messages'].some(({ content }: any) => content === 'c d e f'),
    'what was cancelled is not remembered',
  );
});

test('a stream supports for await even if the browser’s own streams do not', async (t) => {
  const own = ReadableStream.prototype as { [Symbol.asyncIterator]?: unknown };
  const iterator = Object.getOwnPropertyDescriptor(own, Symbol.asyncIterator)!;
  delete own[Symbol.asyncIterator];
  t.after(() => Object.defineProperty(own, Symbol.asyncIterator, iterator));
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const pieces = [];
  for await (const piece of session.promptStreaming('a b')) pieces.push(piece);
  assert.deepEqual(pieces, ['re:', ' a', ' b']);
  for await (const piece of session.promptStreaming('c d e f')) if (piece === 're:') break;
  assert.equal(await session.prompt('g'), 're: g');
  assert.ok(
    !asked(engines[0]!)['messages'].some(({ content }: any) => content === 'c d e f'),
    'who leaves the loop ends the answer',
  );
  const stream = session.promptStreaming('h');
  session.destroy();
  const read = async () => {
    for await (const piece of stream) assert.equal(typeof piece, 'string');
  };
  await assert.rejects(read(), named('InvalidStateError'));
});

test('downloadprogress goes from 0 to 1, even if nothing is downloaded', async () => {
  const { LanguageModel } = made();
  const seen: number[][] = [[], []];
  const monitor = (list: number[]) => (m: EventTarget) =>
    m.addEventListener('downloadprogress', (event) => list.push((event as ProgressEvent).loaded));
  await LanguageModel.create({ monitor: monitor(seen[0]!) });
  await LanguageModel.create({ monitor: monitor(seen[1]!) });
  // Events in between are 50 ms apart, so a slow machine may fire some.
  assert.deepEqual(
    seen.map((list) => [list[0], list.at(-1)]),
    [
      [0, 1],
      [0, 1],
    ],
  );
});

test('downloadprogress reports the rest in steps of 1/65536, and nothing after an abort', async () => {
  const sent = [0.2, 0.2000001, 0.3333, 0.9, 1];
  const provider = new EngineProvider(async (tell) => {
    for (const loaded of sent) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      tell(loaded);
    }
    return new FakeChat();
  });
  const LanguageModel = languageModelOf(provider);
  const stop = new AbortController();
  const seen: [number[], number[]] = [[], []];
  const making = LanguageModel.create({
    monitor: (m) => (m.ondownloadprogress = ({ loaded }) => seen[0].push(loaded)),
  });
  // It starts when 0.2 is loaded, and gets events for the other 0.8.
  await new Promise((resolve) => setTimeout(resolve, 90));
  const aborted = LanguageModel.create({
    signal: stop.signal,
    monitor: (m) => m.addEventListener('downloadprogress', (event) => seen[1].push((event as ProgressEvent).loaded)),
  });
  await new Promise((resolve) => setTimeout(resolve, 120));
  stop.abort();
  await assert.rejects(aborted, named('AbortError'));
  await making;
  assert.ok(
    seen.flat().every((loaded) => loaded % (1 / 65_536) === 0),
    seen.join(' | '),
  );
  assert.deepEqual([seen[0][0], seen[0].at(-1), seen[1][0]], [0, 1, 0]);
  assert.ok(
    seen[0].length >= 3 && seen[0].every((loaded, i) => i === 0 || loaded > seen[0][i - 1]!),
    seen[0].join(' '),
  );
  assert.ok(
    seen[1].every((loaded) => loaded < 0.9),
    seen[1].join(' '),
  );
});

test('requests are answered in order, and a waiting one can be aborted', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const stop = new AbortController();
  const answers = [session.prompt('a'), session.prompt('b', { signal: stop.signal }), session.prompt('c')];
  stop.abort();
  await assert.rejects(answers[1]!, named('AbortError'));
  assert.deepEqual(await Promise.all([answers[0], answers[2]]), ['re: a', 're: c']);
  assert.deepEqual(
    asked(engines[0]!)['messages'].map(({ content }: any) => content),
    ['a', 're: a', 'c'],
  );
  const reason = new Error('mine');
  await assert.rejects(session.prompt('d', { signal: AbortSignal.abort(reason) }), reason);
});

test('a clone is independent of the original', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  await session.prompt('one');
  const copy = await session.clone();
  assert.equal(copy.inputUsage, session.inputUsage);
  await copy.prompt('two');
  assert.ok(copy.inputUsage > session.inputUsage);
  session.destroy();
  assert.equal(await copy.prompt('three'), 're: three');
});

test('a destroyed session rejects, and the last one frees the model', async () => {
  const { LanguageModel, engines } = made(undefined, 10);
  const session = await LanguageModel.create();
  const answer = session.prompt('a b c d e f g h');
  const stream = session.promptStreaming('b').getReader();
  await new Promise((resolve) => setTimeout(resolve, 3));
  session.destroy();
  await assert.rejects(answer, named('InvalidStateError'));
  await assert.rejects(stream.read(), named('InvalidStateError'));
  for (const late of [session.prompt('c'), session.append('c'), session.measureContextUsage('c'), session.clone()]) {
    await assert.rejects(late as Promise<unknown>, named('InvalidStateError'));
  }
  assert.throws(() => session.promptStreaming('c'), named('InvalidStateError'));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(engines[0]!.disposed, true);
  assert.deepEqual(
    [session.contextWindow, typeof session.contextUsage, session.samplingMode],
    [1000, 'number', 'balanced'],
  );
  const controller = new AbortController();
  const other = await LanguageModel.create({ signal: controller.signal });
  assert.equal(engines.length, 2);
  controller.abort();
  await assert.rejects(other.prompt('d'), named('AbortError'));
});

test('create can be aborted, and failures have the specification’s names', async () => {
  const { LanguageModel, engines } = made();
  const stop = new AbortController();
  const making = LanguageModel.create({ signal: stop.signal });
  stop.abort();
  await assert.rejects(making, named('AbortError'));
  await LanguageModel.create();
  assert.equal(engines.length, 1);
  for (const [code, name] of [
    ['network', 'NetworkError'],
    ['not-found', 'NetworkError'],
    ['out-of-memory', 'NotSupportedError'],
    ['quota', 'OperationError'],
  ] as const) {
    const failing = languageModelOf(new EngineProvider(() => Promise.reject(new LinnetError(code, 'no'))));
    await assert.rejects(failing.create(), (error: any) => named(name)(error) && error.cause.code === code);
  }
  const session = await LanguageModel.create();
  engines[0]!.failure = new LinnetError('device-lost', 'gone');
  await assert.rejects(session.prompt('a'), named('UnknownError'));
  assert.equal(engines[0]!.disposed, true);
  // The next session gets a working engine.
  assert.equal(await (await LanguageModel.create()).prompt('a'), 're: a');
});

test('invalid and unsupported arguments are rejected', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create({ initialPrompts: [{ role: 'user', content: 'a' }] });
  const image = [{ role: 'user' as const, content: [{ type: 'image', value: {} }] }];
  for (const [ask, check] of [
    [() => LanguageModel.create({ temperature: -1 }), RangeError],
    [() => LanguageModel.create({ temperature: 1 }), named('NotSupportedError')],
    [() => LanguageModel.create({ topK: 3 }), named('NotSupportedError')],
    [() => LanguageModel.create({ topK: 0.5 }), RangeError],
    [() => LanguageModel.create({ temperature: NaN }), TypeError],
    [() => LanguageModel.create({ temperature: 1, samplingMode: 'creative' }), TypeError],
    [() => LanguageModel.create({ samplingMode: 'wild' as any }), TypeError],
    [() => LanguageModel.create({ expectedInputs: [{ type: 'image' }] }), named('NotSupportedError')],
    [
      () =>
        LanguageModel.create({
          initialPrompts: [
            { role: 'user', content: 'a' },
            { role: 'system', content: 'b' },
          ],
        }),
      TypeError,
    ],
    [() => session.prompt([{ role: 'system', content: 'late' }]), TypeError],
    [() => session.prompt([{ role: 'robot' as any, content: 'x' }]), TypeError],
    [() => session.prompt(image), named('NotSupportedError')],
    [() => session.append(image), named('NotSupportedError')],
    [
      () =>
        session.prompt([
          { role: 'assistant', content: 'x', prefix: true },
          { role: 'user', content: 'y' },
        ]),
      named('SyntaxError'),
    ],
    [() => session.prompt([{ role: 'user', content: 'x', prefix: true }]), named('SyntaxError')],
    [() => session.prompt('x', { responseConstraint: 'a' as any }), TypeError],
    [() => session.prompt('x', { thinking: { effort: 'low' } }), named('NotSupportedError')],
    [() => LanguageModel.create({ thinking: { effort: 'high' } }), named('NotSupportedError')],
    [() => LanguageModel.create({ thinking: { includeThoughts: true } }), named('NotSupportedError')],
    [() => LanguageModel.create({ expectedInputs: [{ type: 'text', languages: ['no language'] }] }), RangeError],
    [() => LanguageModel.availability({ expectedInputs: [{ type: 'text', languages: [''] }] }), RangeError],
    [() => session.prompt('x', { omitResponseConstraintInput: true }), TypeError],
    [() => session.promptStreaming(image).getReader().read(), named('NotSupportedError')],
  ] as const) {
    await assert.rejects(ask as () => Promise<unknown>, check as any);
  }
  assert.equal(await LanguageModel.availability({ expectedOutputs: [{ type: 'audio' }] }), 'unavailable');
  assert.equal(await LanguageModel.availability({ thinking: { effort: 'high' } }), 'unavailable');
  assert.equal(await LanguageModel.availability({ thinking: { effort: 'none' } }), 'available');
  const wide = await LanguageModel.create({ temperature: Infinity, topK: 3.9 });
  assert.deepEqual([wide.temperature, wide.topK], [2, 3]);
  assert.throws(() => new (LanguageModel as any)(), TypeError);
});

test('languages that a listed model does not support are rejected before it is loaded', async () => {
  const { LanguageModel, engines } = made(undefined, undefined, ['en', 'zh']);
  const expecting = (...languages: string[]) => ({
    expectedInputs: [{ type: 'text', languages: ['en'] }],
    expectedOutputs: [{ type: 'text', languages }],
  });
  assert.equal(await LanguageModel.availability(expecting('en-GB', 'zh-Hant')), 'downloadable');
  assert.equal(await LanguageModel.availability(expecting('en', 'ja')), 'unavailable');
  await assert.rejects(LanguageModel.create(expecting('ja')), named('NotSupportedError'));
  assert.equal(engines.length, 0);
  assert.ok(await LanguageModel.create(expecting('zh')));
  const unknown = made();
  assert.equal(await unknown.LanguageModel.availability(expecting('ja')), 'downloadable');
});

test('the API is installed unless the browser has its own', async () => {
  const page = globalThis as any;
  for (const [availability, preferBuiltIn, expected] of [
    ['available', true, 'built-in'],
    ['downloadable', true, 'built-in'],
    ['unavailable', true, 'linnet'],
    ['available', false, 'linnet'],
  ] as const) {
    const builtIn = { availability: () => Promise.resolve(availability) };
    Object.defineProperty(page, 'LanguageModel', { value: builtIn, configurable: true, writable: true });
    assert.equal(await installLanguageModel({ preferBuiltIn }), expected);
    assert.equal(page.LanguageModel === builtIn, expected === 'built-in');
  }
  delete page.LanguageModel;
});
