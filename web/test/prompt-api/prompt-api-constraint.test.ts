// Answers of the Prompt API that fit a schema or a regular expression.
import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { test } from 'node:test';
import { LinnetError } from '../../src/protocol/errors.ts';
import { callOf } from '../fakes/fake-chat.ts';
import { asked, loosely, made, named } from '../fakes/fake-language-model.ts';

const schema = { type: 'object', properties: { rating: { type: 'number' } }, required: ['rating'] };
const format = { type: 'json_schema', json_schema: { schema } };

/** The fields of the form in a request. */
const formIn = ({ response_format, regex, show_schema }: Record<string, unknown>) => ({
  ...(response_format ? { response_format } : {}),
  ...(regex ? { regex } : {}),
  ...(show_schema === undefined ? {} : { show_schema }),
});

test('a constraint becomes the form of that answer only', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const sent = async (options: object) => {
    await loosely(session.prompt, session, 'x', options);
    return formIn(asked(engines[0]!));
  };
  assert.deepEqual(await sent({ responseConstraint: schema }), { response_format: format });
  assert.deepEqual(await sent({ responseConstraint: schema, omitResponseConstraintInput: true }), {
    response_format: format,
    show_schema: false,
  });
  assert.deepEqual(await sent({ responseConstraint: /^a[bc]$/i }), { regex: { pattern: '^a[bc]$', flags: 'i' } });
  const foreign = runInNewContext('/a/');
  assert.deepEqual(await sent({ responseConstraint: foreign }), { regex: { pattern: 'a', flags: '' } });
  assert.deepEqual(await sent({ responseConstraint: {} }), {
    response_format: { type: 'json_schema', json_schema: { schema: {} } },
  });
  assert.deepEqual(await sent({}), {});
  assert.deepEqual(await sent({ omitResponseConstraintInput: false }), {});
  let streamed = '';
  for await (const piece of session.promptStreaming('y z', { responseConstraint: schema })) streamed += piece;
  assert.equal(streamed, 're: y z');
  assert.deepEqual(formIn(asked(engines[0]!)), { response_format: format });
});

test('a schema is read at once, as JSON', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const changing = { type: 'object', toJSON: undefined as unknown, maxProperties: 1 };
  const answer = session.prompt('x', { responseConstraint: changing });
  changing.maxProperties = 2;
  await answer;
  const read = asked(engines[0]!)['response_format'].json_schema.schema;
  assert.deepEqual(read, { type: 'object', maxProperties: 1 });
});

test('a constraint that is not a schema is rejected before anything is asked', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  const circular: Record<string, unknown> = { type: 'object' };
  circular['self'] = circular;
  const mine = new Error('mine');
  const failing = {
    get type() {
      throw mine;
    },
  };
  for (const [responseConstraint, check] of [
    [circular, named('NotSupportedError')],
    [{ const: 1n }, named('NotSupportedError')],
    [[schema], TypeError],
    [() => schema, TypeError],
    [new String('x'), TypeError],
    [new Date(0), TypeError],
    [{ toJSON: () => null }, TypeError],
    ['x', TypeError],
    [null, TypeError],
    [failing, mine],
  ] as const) {
    for (const method of [session.prompt, session.measureContextUsage, session.measureInputUsage])
      await assert.rejects(loosely(method, session, 'x', { responseConstraint }), check as any);
  }
  for (const method of [session.prompt, session.measureContextUsage])
    await assert.rejects(loosely(method, session, 'x', { omitResponseConstraintInput: true }), TypeError);
  assert.equal(engines[0]!.requests.length, 0);
});

test('what the engine cannot enforce is not supported', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  for (const cause of [
    new LinnetError('bad-constraint', 'no', { field: 'response_format', kind: 'invalid', path: '/type', reason: 'no' }),
    new LinnetError('invalid-request', 'nested too deep', { field: 'response_format' }),
  ]) {
    engines[0]!.failure = cause;
    await assert.rejects(session.prompt('x', { responseConstraint: { type: 'soup' } }), (error: any) => {
      assert.equal(error.cause, cause);
      return named('NotSupportedError')(error);
    });
  }
  engines[0]!.failure = undefined;
  assert.equal(await session.prompt('x'), 're: x', 'the session goes on');
});

test('an answer that the context cuts is a SyntaxError, and not kept', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create();
  engines[0]!.cuts = true;
  await assert.rejects(session.prompt('x', { responseConstraint: schema }), named('SyntaxError'));
  assert.equal(session.contextUsage, 0);
  assert.equal(await session.prompt('x'), 're: x');
});

test('a constraint is not supported with a prefix', async () => {
  const { LanguageModel } = made();
  const session = await LanguageModel.create();
  const input = (content: string) => [
    { role: 'user' as const, content: 'x' },
    { role: 'assistant' as const, content, prefix: true },
  ];
  const options = { responseConstraint: schema };
  await assert.rejects(session.prompt(input('{ "rating": '), options), named('NotSupportedError'));
  assert.ok(await session.prompt(input(''), options));
});

test('the form counts where the prompt shows it', async () => {
  const { LanguageModel, engines } = made(200);
  const session = await LanguageModel.create();
  const counted: object[] = [];
  const count = engines[0]!.countTokens.bind(engines[0]);
  engines[0]!.countTokens = (request) => {
    counted.push(formIn(request as never));
    return count(request);
  };
  await session.measureContextUsage('x', { responseConstraint: schema });
  assert.deepEqual(counted.splice(0), [{ response_format: format }]);
  // Its schema alone may fill the context, so the tokens are counted.
  const large = { ...schema, description: 'long '.repeat(50) };
  await session.prompt('x', { responseConstraint: large });
  assert.equal(counted.length, 1);
});

test('each round of an answer with tools has the form', async () => {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create({
    tools: [{ name: 'look', description: 'Looks', inputSchema: { type: 'object' }, execute: () => 'sunny' }],
  });
  engines[0]!.answer = (messages) => (messages.at(-1)?.role === 'tool' ? '{"rating":5}' : callOf('look', {}));
  assert.equal(await session.prompt('x', { responseConstraint: schema }), '{"rating":5}');
  assert.deepEqual(engines[0]!.requests.map(formIn), [{ response_format: format }, { response_format: format }]);
});
