// JSON answers with the AI SDK: the outputs of each version, over a scripted engine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v7 from 'ai';
import * as v5 from 'ai-v5';
import * as v6 from 'ai-v6';
import { linnet, linnetV2, linnetV3 } from '../src/ai-sdk.ts';
import { LinnetError } from '../src/protocol/errors.ts';
import { FakeChat } from './fakes/fake-chat.ts';

(globalThis as any).AI_SDK_LOG_WARNINGS = false;

/** The versions, with the same types: they do not differ in what is tested here. */
const VERSIONS = [
  { sdk: v7, model: linnet, name: 'ai 7' },
  { sdk: v6 as unknown as typeof v7, model: linnetV3 as unknown as typeof linnet, name: 'ai 6' },
  { sdk: v5 as unknown as typeof v7, model: linnetV2 as unknown as typeof linnet, name: 'ai 5' },
];
const city = {
  type: 'object' as const,
  properties: { name: { type: 'string' as const } },
  required: ['name'],
  additionalProperties: false,
};

/** An engine with one answer, word by word. */
function engineOf(answer: string): FakeChat {
  const engine = new FakeChat();
  engine.answer = () => answer;
  return engine;
}
const formatOf = ({ requests }: FakeChat) => requests[0]!['response_format'];
const prompt = 'Where?';

for (const { sdk, model, name } of VERSIONS) {
  const { generateObject, generateText, jsonSchema, Output, streamText } = sdk;
  const schema = jsonSchema<{ name: string }>(city);
  // In `ai` 5 the option of generateText and its result are experimental.
  const isOld = name === 'ai 5';
  const outputOf = (result: any): unknown => (isOld ? result.experimental_output : result.output);
  const asking = (output: any): any => (isOld ? { experimental_output: output } : { output });

  test(`${name}: Output.object is answered with JSON of its schema`, async () => {
    const engine = engineOf('{"name": "Oslo"}');
    const output = Output.object({ schema, name: 'city', description: 'A city' });
    const result = await generateText({ model: model(engine), prompt, ...asking(output) });
    assert.deepEqual(outputOf(result), { name: 'Oslo' });
    assert.deepEqual(result.warnings ?? [], []);
    // `ai` 5 drops the name and the description.
    const named = isOld ? {} : { name: 'city', description: 'A city' };
    assert.deepEqual(formatOf(engine), { type: 'json_schema', json_schema: { ...named, schema: city } });
    const streamed = streamText({ model: model(engine), prompt, ...asking(output) });
    const partial = isOld ? (streamed as any).experimental_partialOutputStream : streamed.partialOutputStream;
    let last: unknown;
    for await (const value of partial) last = value;
    assert.deepEqual(last, { name: 'Oslo' });
  });

  test(`${name}: generateObject gives objects, arrays, choices and free JSON`, async () => {
    const whole = engineOf('{"name": "Oslo"}');
    const named = { schemaName: 'city', schemaDescription: 'A city' };
    const object = await generateObject({ model: model(whole), prompt, schema, ...named });
    assert.deepEqual([object.object, object.warnings ?? []], [{ name: 'Oslo' }, []]);
    const json_schema = { name: 'city', description: 'A city', schema: city };
    assert.deepEqual(formatOf(whole), { type: 'json_schema', json_schema });

    const list = engineOf('{"elements": [{"name": "Oslo"}, {"name": "Rome"}]}');
    const array = await generateObject({ model: model(list), prompt, schema, output: 'array' });
    assert.deepEqual(array.object, [{ name: 'Oslo' }, { name: 'Rome' }]);
    assert.equal(formatOf(list).json_schema.schema.properties.elements.type, 'array');

    const one = engineOf('{"result": "sun"}');
    const choice = await generateObject({ model: model(one), prompt, output: 'enum', enum: ['sun', 'rain'] });
    assert.equal(choice.object, 'sun');
    assert.deepEqual(formatOf(one).json_schema.schema.properties.result.enum, ['sun', 'rain']);

    const free = engineOf('{"a": [1, 2]}');
    const any = await generateObject({ model: model(free), prompt, output: 'no-schema' });
    assert.deepEqual(any.object, { a: [1, 2] });
    assert.deepEqual(formatOf(free), { type: 'json_object' });
  });

  if (!isOld)
    test(`${name}: Output.array, choice and json`, async () => {
      for (const [output, answer, expected, type] of [
        [Output.array({ element: schema }), '{"elements": [{"name": "Oslo"}]}', [{ name: 'Oslo' }], 'json_schema'],
        [Output.choice({ options: ['sun', 'rain'] }), '{"result": "rain"}', 'rain', 'json_schema'],
        [Output.json(), '{"a": 1}', { a: 1 }, 'json_object'],
      ] as const) {
        const engine = engineOf(answer);
        const result = await generateText({ model: model(engine), prompt, output: output as any });
        assert.deepEqual(result.output, expected);
        assert.equal(formatOf(engine).type, type);
      }
    });

  test(`${name}: a schema that cannot be enforced fails with its reason`, async () => {
    const engine = engineOf('');
    const details = { field: 'response_format', kind: 'unsupported', path: '/not', reason: 'no' };
    engine.failure = new LinnetError('bad-constraint', 'no', details);
    await assert.rejects(generateObject({ model: model(engine), prompt, schema, maxRetries: 0 }), engine.failure);
  });
}

test('other forms are options of Linnet', async () => {
  const engine = engineOf('yes');
  const own = { linnet: { choices: ['yes', 'no'] } };
  await v7.generateText({ model: linnet(engine), prompt, providerOptions: own });
  assert.deepEqual(engine.requests[0]!['choices'], ['yes', 'no']);
  await v7.generateText({ model: linnet(engine), prompt, providerOptions: { linnet: { regex: 'yes|no' } } });
  assert.equal(engine.requests[1]!['regex'], 'yes|no');
  const hidden = { linnet: { show_schema: false } };
  const output = v7.Output.object({ schema: v7.jsonSchema(city) });
  engine.answer = () => '{"name": "Oslo"}';
  await v7.generateText({ model: linnet(engine), prompt, output, providerOptions: hidden });
  assert.equal(engine.requests[2]!['show_schema'], false);
  assert.deepEqual(formatOf({ requests: engine.requests.slice(2) } as FakeChat).type, 'json_schema');
});
