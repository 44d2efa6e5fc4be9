// The form that a request gives its answer: what the engine gets of it, and answers with their JSON parsed.
import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { test } from 'node:test';
import { Completions } from '../../src/api/completions.ts';
import { readCount, readRequest } from '../../src/api/request.ts';
import type { ChatRequest, ResponseFormat } from '../../src/index.ts';
import { LinnetError } from '../../src/protocol/errors.ts';
import { callOf, FakeChat } from '../fakes/fake-chat.ts';

const messages = [{ role: 'user', content: 'Hi' }] as const;
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false };
const json: ResponseFormat = { type: 'json_schema', json_schema: { name: 'count', schema, strict: true } };

/** What the engine gets of a request with these fields. */
function sent(fields: object, subject: 'messages' | 'prompt' = 'messages'): Record<string, unknown> {
  const prompt = subject === 'messages' ? messages : 'x';
  const { [subject]: _, ...read } = readRequest(subject, new Set(), { [subject]: prompt, ...fields }).fields;
  return read;
}

/** The path for which a request with these fields is rejected. */
function refusedFor(fields: object): unknown {
  try {
    sent(fields);
  } catch (error) {
    assert.ok(error instanceof LinnetError && error.code === 'invalid-request', String(error));
    return error.details['field'];
  }
  return undefined;
}

/** An engine with one answer. */
function engineOf(text: string, cuts = false): FakeChat {
  const engine = new FakeChat();
  engine.answer = () => [{ text }];
  engine.cuts = cuts;
  return engine;
}

test('the form of an answer is sent to the engine as plain data, of chats and of texts', () => {
  for (const form of [
    { response_format: { type: 'text' } },
    { response_format: { type: 'json_object' } },
    { response_format: { type: 'json_object', schema } },
    { response_format: json, show_schema: false },
    { regex: '[0-9]+' },
    { regex: { pattern: '[a-z]+', flags: 'i' } },
    { grammar: 'root ::= "a"' },
    { grammar: { syntax: 'lark', grammar: 'start: "a"' } },
    { choices: ['yes', 'no'] },
  ]) {
    assert.deepEqual(sent(form), form);
    assert.deepEqual(sent(form, 'prompt'), form);
  }
  const unset = { response_format: null, regex: null, grammar: null, choices: undefined, show_schema: null };
  assert.deepEqual(sent(unset), {});
});

test('a RegExp is sent as its pattern and flags, also one of another frame', () => {
  assert.deepEqual(sent({ regex: /a\/[\d]+$/giu }), { regex: { pattern: 'a\\/[\\d]+$', flags: 'giu' } });
  assert.deepEqual(sent({ regex: runInNewContext('/é/s') }), { regex: { pattern: 'é', flags: 's' } });
});

test('a form that is not plain data is rejected by its path', () => {
  const circular: Record<string, unknown> = { type: 'object' };
  circular['not'] = circular;
  const throws = Object.defineProperty(/a/, 'source', {
    get: () => {
      throw new Error('mine');
    },
  });
  for (const [fields, field] of [
    [{ response_format: { type: 'json_object', schema: { type: () => 'object' } } }, 'response_format.schema.type'],
    [{ response_format: { type: 'json_object', schema: /a/ } }, 'response_format.schema'],
    [{ response_format: { type: 'json_object', schema: circular } }, 'response_format'],
    [{ regex: throws }, 'regex'],
    [{ choices: ['a', /b/] }, 'choices[1]'],
    [{ grammar: { syntax: 'gbnf', grammar: Symbol('a') } }, 'grammar.grammar'],
    [{ response_forma: json }, 'response_forma'],
  ] as const) {
    assert.equal(refusedFor(fields), field);
  }
});

test('the schema that a prompt shows is counted', () => {
  const request = { messages, response_format: json, show_schema: true };
  assert.deepEqual(readCount(request), request);
  assert.throws(() => readCount({ prompt: 'x', response_format: json } as never), { code: 'invalid-request' });
});

test('parse adds the JSON value of an answer', async () => {
  const engine = engineOf('{"n": 5}');
  for (const response_format of [json, { type: 'json_object' } as const]) {
    const { choices, usage } = await engine.chat.completions.parse<{ n: number }>({ messages, response_format });
    assert.equal(choices[0].message.parsed?.n, 5);
    assert.deepEqual(choices[0].message, {
      role: 'assistant',
      content: '{"n": 5}',
      refusal: null,
      parsed: { n: 5 },
    });
    assert.equal(usage.completion_tokens, 1);
  }
  assert.deepEqual(engine.requests[0], { messages, response_format: json });
  const { message } = (await engine.chat.completions.create({ messages, response_format: json })).choices[0];
  assert.deepEqual(message, { role: 'assistant', content: '{"n": 5}' });
});

test('an answer that is not whole JSON has no value', async () => {
  const parsed = async (engine: FakeChat, request: Partial<ChatRequest> = { response_format: json }) =>
    (await engine.chat.completions.parse({ messages, ...request, stream: null })).choices[0].message.parsed;
  assert.equal(await parsed(engineOf('{"n": 5}', true)), null, 'cut by the length');
  assert.equal(await parsed(engineOf('{"n":')), null, 'cut by a stop text');
  assert.equal(await parsed(engineOf('5'), {}), null, 'free');
  assert.equal(await parsed(engineOf('5'), { response_format: { type: 'text' } }), null, 'text');
  assert.equal(await parsed(engineOf('5'), { regex: /5/ }), null, 'no JSON');
  assert.equal(await parsed(engineOf('5')), 5);
  const engine = new FakeChat();
  engine.answer = () => callOf('look', {});
  assert.equal(await parsed(engine), null, 'a tool call');
});

test('parse uses the parser of a format, as OpenAI’s zodResponseFormat makes it', async () => {
  const $parseRaw = (text: string): { n: number } => {
    const { n } = JSON.parse(text) as { n: number };
    if (n > 5) throw new RangeError('too large');
    return { n: n + 1 };
  };
  // The SDK hides it from JSON in this way.
  const response_format = Object.defineProperty({ ...json }, '$parseRaw', { value: $parseRaw, enumerable: false });
  const request = { messages, response_format: response_format as typeof json & { $parseRaw: typeof $parseRaw } };
  const engine = engineOf('{"n": 5}');
  const { choices } = await engine.chat.completions.parse(request);
  assert.equal(choices[0].message.parsed?.n, 6);
  assert.deepEqual(engine.requests[0]?.['response_format'], json);
  await assert.rejects(engineOf('{"n": 6}').chat.completions.parse(request), RangeError);
});

test('parse rejects what create rejects, and streams', async () => {
  const { completions } = engineOf('{}').chat;
  for (const [request, field] of [
    [{ messages, response_format: json, stream: true }, 'stream'],
    [{ messages, response_format: json, n: 2 }, 'n'],
    [null, 'request'],
  ] as const) {
    await assert.rejects(completions.parse(request as never), (error: any) => error.details.field === field);
  }
});

test('a text is held to a form, too', async () => {
  let asked: object | undefined;
  const texts = new Completions(async function* (request) {
    asked = request;
    yield* [];
  }, 'm');
  await assert.rejects(texts.create({ prompt: 'Yes or no? ', choices: ['yes', 'no'] }), { code: 'internal' });
  assert.deepEqual(asked, { prompt: 'Yes or no? ', choices: ['yes', 'no'] });
});
