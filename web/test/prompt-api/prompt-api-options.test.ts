// The Prompt API's arguments: conversions and checks, as in Web IDL and the specification.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asked, loosely, made, named } from '../fakes/fake-language-model.ts';

test('an input becomes text or messages as Web IDL converts it', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const sent = async (input: unknown) => {
    await loosely(session.prompt, session, input);
    return asked(engines[0]!)['messages'].at(-1).content;
  };
  assert.equal(await sent(null), 'null');
  assert.equal(await sent(undefined), 'undefined');
  assert.equal(await sent(12.5), '12.5');
  assert.equal(await sent({}), '[object Object]');
  // An object that is not iterable is not a message, whatever members it has.
  assert.equal(await sent({ role: 'user', content: 'x' }), '[object Object]');
  assert.equal(await sent({ toString: () => 'told' }), 'told');
  assert.equal(await sent(new Set([{ role: 'user', content: 'in a set' }])), 'in a set');
  assert.equal(await sent([{ role: 'user', content: null }]), 'null');
  assert.equal(await sent([{ role: { toString: () => 'user' }, content: 5 }]), '5');
  assert.equal(await sent([{ role: 'user', content: [] }]), '');
  assert.equal(
    await sent([
      {
        role: 'user',
        content: new Set([
          { type: 'text', value: 'a' },
          { type: 'text', value: 1 },
          { type: 'text', value: {} },
        ]),
      },
    ]),
    'a1[object Object]',
  );
  assert.equal(await sent('a\ud83d b\ude00 \ud83d\ude00'), 'a\ufffd b\ufffd 😀');
  for (const [input, check] of [
    [Symbol('x'), TypeError],
    [new String('text'), TypeError],
    [{ [Symbol.iterator]: 5 }, TypeError],
    [[null], TypeError],
    [['user'], TypeError],
    [[{ content: 'x' }], TypeError],
    [[{ role: 'user' }], TypeError],
    [[{ role: 'User', content: 'x' }], TypeError],
    [[{ role: 'user', content: [{ type: 'text' }] }], TypeError],
    [[{ role: 'user', content: [{ value: 'x' }] }], TypeError],
    [[{ role: 'user', content: [{ type: 'soup', value: 'x' }] }], TypeError],
    [[{ role: 'user', content: [{ type: 'text', value: new ArrayBuffer(4) }] }], TypeError],
    [[{ role: 'user', content: [{ type: 'text', value: new Uint8Array(4) }] }], TypeError],
    [[{ role: 'user', content: [{ type: 'text', value: new Blob() }] }], TypeError],
    [[{ role: 'assistant', content: [{ type: 'image', value: new Blob() }] }], named('NotSupportedError')],
    [[{ role: 'user', content: [{ type: 'tool-response', value: 'x' }] }], named('NotSupportedError')],
    [
      [
        {
          role: 'user',
          get content() {
            throw new Error('mine');
          },
        },
      ],
      /mine/,
    ],
  ] as const) {
    await assert.rejects(loosely(session.prompt, session, input), check as any);
  }
});

test('options are converted, and a wrong type is a TypeError', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  for (const options of [
    5,
    'x',
    { signal: null },
    { signal: {} },
    { signal: new EventTarget() },
    { monitor: 'x' },
    { monitor: null },
    { initialPrompts: 'x' },
    { initialPrompts: {} },
    { initialPrompts: ['x'] },
    { expectedInputs: null },
    { expectedInputs: {} },
    { expectedInputs: [{}] },
    { expectedInputs: [{ type: 'soup' }] },
    { expectedInputs: [{ type: 'text', languages: 'en' }] },
    { expectedOutputs: [{ type: 'text', languages: [Symbol('en')] }] },
    { samplingMode: null },
    { temperature: 1n, topK: 1 },
    { temperature: 'warm', topK: 1 },
    { tools: {} },
  ]) {
    await assert.rejects(
      loosely(LanguageModel.create, LanguageModel, options),
      TypeError,
      JSON.stringify(options, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    );
  }
  for (const options of [
    5,
    { signal: null },
    { responseConstraint: 'x' },
    { responseConstraint: null },
    { omitResponseConstraintInput: true },
  ]) {
    await assert.rejects(loosely(session.prompt, session, 'x', options), TypeError);
    await assert.rejects(loosely(session.measureContextUsage, session, 'x', options), TypeError);
  }
  await assert.rejects(loosely(session.append, session, 'x', { signal: 'x' }), TypeError);
  await assert.rejects(loosely(session.clone, session, { signal: 'x' }), TypeError);
  for (const options of [
    null,
    undefined,
    {},
    () => {},
    { temperature: '0.5', topK: '3', signal: undefined, expectedInputs: new Set() },
  ]) {
    assert.ok(await loosely(LanguageModel.create, LanguageModel, options));
  }
  const mine = new Error('mine');
  const failing = {
    get topK() {
      throw mine;
    },
  };
  await assert.rejects(loosely(LanguageModel.create, LanguageModel, failing), mine);
  await assert.rejects(loosely(LanguageModel.availability, LanguageModel, failing), mine);
  await assert.rejects(
    LanguageModel.create({
      monitor: () => {
        throw mine;
      },
    }),
    mine,
  );
  // Members are read in the order of their names, those of availability() first.
  const read: string[] = [];
  const watched = new Proxy({}, { get: (_, name) => void read.push(String(name)) });
  await loosely(LanguageModel.create, LanguageModel, watched);
  assert.deepEqual(read, [
    'expectedInputs',
    'expectedOutputs',
    'samplingMode',
    'temperature',
    'thinking',
    'tools',
    'topK',
    'initialPrompts',
    'monitor',
    'signal',
  ]);
});

test('availability reports what create would reject, and reads nothing else', async () => {
  const { LanguageModel } = made(undefined, undefined, ['en']);
  const availability = (options?: unknown): Promise<string> =>
    loosely(LanguageModel.availability, LanguageModel, options);
  for (const [options, expected] of [
    [undefined, 'downloadable'],
    [{ topK: 1.5, temperature: 7 }, 'downloadable'],
    [{ topK: -2, temperature: 1 }, 'unavailable'],
    [{ topK: 3, temperature: -0.5 }, 'unavailable'],
    [{ topK: 3 }, 'unavailable'],
    [{ samplingMode: 'creative' }, 'downloadable'],
    [{ expectedInputs: [{ type: 'text', languages: ['EN', 'en-us'] }] }, 'downloadable'],
    [{ expectedOutputs: [{ type: 'text', languages: ['unk'] }] }, 'unavailable'],
    [{ expectedInputs: [{ type: 'audio' }, { type: 'text' }] }, 'unavailable'],
    [
      {
        initialPrompts: [
          { role: 'system', content: 'a' },
          { role: 'system', content: 'b' },
        ],
        signal: 5,
        monitor: 5,
      },
      'downloadable',
    ],
  ] as const) {
    assert.equal(await availability(options), expected, JSON.stringify(options));
  }
  for (const [options, check] of [
    [{ samplingMode: 'wild' }, TypeError],
    [{ samplingMode: 'balanced', topK: 10 }, TypeError],
    [{ expectedInputs: [{ type: 'soup' }] }, TypeError],
    [{ expectedInputs: [{ type: 'audio', languages: ['en-abc-invalid'] }] }, RangeError],
  ] as const) {
    await assert.rejects(availability(options), check);
    await assert.rejects(loosely(LanguageModel.create, LanguageModel, options), check);
  }
});
