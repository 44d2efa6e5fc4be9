import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatCompletions, Completions, type Generate } from '../../src/api/completions.ts';
import { LinnetError } from '../../src/protocol/errors.ts';
import { plain, wellFormed } from '../../src/protocol/plain.ts';
import { readCount, readRequest, readSuggest } from '../../src/api/request.ts';

const NAMES = new Set(['m']);

/** The error of an attempt. */
function refusal(attempt: () => unknown): LinnetError {
  try {
    attempt();
  } catch (error) {
    assert.ok(error instanceof LinnetError && error.code === 'invalid-request', `${String((error as Error)?.stack)}`);
    return error;
  }
  return assert.fail('was taken');
}

/** Deep proxies, like those of Vue's `reactive()` and Svelte's `$state`. */
function reactive<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get: (target, name, receiver) => reactive(Reflect.get(target, name, receiver) as object),
  }) as T;
}

test('proxies of a framework are read as plain data', () => {
  const request = {
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    stop: ['a'],
    logit_bias: { 5: 1 },
    temperature: 0.5,
  };
  const { fields } = readRequest('messages', NAMES, reactive(request));
  assert.deepEqual(fields, request);
  assert.deepEqual(structuredClone(fields), request, 'it can be cloned');
  assert.deepEqual(readCount(reactive({ messages: request.messages } as never)), { messages: request.messages });
});

test('an invalid value in a request is named by its path', () => {
  class Holder {
    get field() {
      return 1;
    }
  }
  const cyclic: Record<string, unknown> = {};
  cyclic['again'] = [cyclic];
  const throws = Object.defineProperty({ role: 'user' }, 'content', {
    enumerable: true,
    get: () => assert.fail('no reading here'),
  });
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  for (const [value, field, says] of [
    [[{ role: 'user', content: () => 'Hi' }], 'messages[0].content', 'a function'],
    [[{ role: 'user', content: Symbol('x') }], 'messages[0].content', 'a symbol'],
    [[{ role: 'user', content: 5n }], 'messages[0].content', 'a BigInt'],
    [[{ role: 'user', content: NaN }], 'messages[0].content', 'NaN'],
    [[{ role: 'user', content: new Date(0) }], 'messages[0].content', 'Date'],
    [[{ role: 'user', content: new Map() }], 'messages[0].content', 'Map'],
    [[{ role: 'user', content: Promise.resolve('Hi') }], 'messages[0].content', 'Promise'],
    [new Uint8Array(2), 'messages', 'Uint8Array'],
    [[undefined], 'messages[0]', 'undefined'],
    [new Array(5), 'messages[0]', 'undefined'],
    [[throws], 'messages[0].content', 'no reading here'],
    [cyclic, 'messages', 'more than 32 levels deep'],
    [proxy, 'messages', 'revoked'],
    [Array(600_000).fill(''), 'messages', 'more than 500000 values'],
    [new Proxy([], { get: (_, name) => (name === 'length' ? Infinity : '') }), 'messages', 'more than 500000 values'],
  ] as const) {
    const error = refusal(() => readRequest('messages', NAMES, { messages: value }));
    assert.equal(error.details['field'], field);
    const kind = value === cyclic ? 'an object' : 'an array';
    if (says.startsWith('more than')) assert.equal(error.details['value'], kind, 'the error has the value');
    assert.ok(error.message.includes(`\`${field}\``) && error.message.includes(says), error.message);
  }
  assert.deepEqual(plain({ a: new Holder(), b: undefined, c: Object.create(null) as object, d: -0 }, 'x'), {
    a: {},
    c: {},
    d: 0,
  });
  const named = plain(JSON.parse('{"__proto__": {"a": 1}}'), 'x') as object;
  assert.deepEqual(
    [Object.getPrototypeOf(named) === Object.prototype, JSON.stringify(named)],
    [true, '{"__proto__":{"a":1}}'],
  );
});

test('requests that are not objects or cannot be read fail like others', async () => {
  const never: Generate = () => assert.fail('asked');
  const hostile = new Proxy({}, { get: () => assert.fail('get'), ownKeys: () => assert.fail('keys') });
  for (const request of [undefined, null, 5, 'Hi', [], () => {}, hostile] as unknown as never[]) {
    for (const api of [new ChatCompletions(never, 'm'), new Completions(never, 'm')])
      await assert.rejects((api as ChatCompletions).create(request) as unknown as Promise<unknown>, {
        code: 'invalid-request',
      });
    assert.equal(refusal(() => readCount(request)).details['field'], 'request');
    assert.equal(refusal(() => readSuggest(request)).details['field'], 'request');
  }
});

test('an invalid signal is rejected before anything waits for it', () => {
  const { signal } = new AbortController();
  for (const wrong of [{}, { addEventListener: 5 }, { addEventListener: () => assert.fail('this') }, 'signal', 5]) {
    assert.equal(refusal(() => readRequest('prompt', NAMES, { prompt: '', signal: wrong })).details['field'], 'signal');
    assert.equal(refusal(() => readSuggest({ prefix: '', signal: wrong as never })).details['field'], 'signal');
  }
  assert.equal(readRequest('prompt', NAMES, { prompt: '', signal }).signal, signal);
});

test('strings become well-formed', () => {
  assert.equal(wellFormed('a\ud83d'), 'a\ufffd');
  assert.equal(wellFormed('\ude42b\ud83d\ude42'), '\ufffdb🙂');
  assert.deepEqual(readRequest('prompt', NAMES, { prompt: '\ud83d', stop: ['\udc00'] }).fields, {
    prompt: '\ufffd',
    stop: ['\ufffd'],
  });
  assert.deepEqual(readSuggest({ prefix: '\ud83d' }).fields, { prefix: '\ufffd', words: 3 });
});

/** Reproducible random numbers from 0 to 1 (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FIELDS = [
  'messages',
  'prompt',
  'prefix',
  'words',
  'within',
  'signal',
  'stream',
  'stream_options',
  'include_usage',
  'return_progress',
  'n',
  'model',
  'busy',
  'logprobs',
  'top_logprobs',
  'max_tokens',
  'max_completion_tokens',
  'stop',
  'seed',
  'logit_bias',
  'when_hidden',
  'keep_awake',
  'pace',
  'role',
  'content',
  'type',
  'text',
  '0',
  '__proto__',
  'toJSON',
  'length',
  'then',
];

const SIMPLE = [
  null,
  undefined,
  true,
  false,
  0,
  1,
  -1,
  1.5,
  NaN,
  Infinity,
  '',
  'm',
  'user',
  'text',
  '\ud800',
  7n,
  Symbol.iterator,
  () => 1,
  new Date(NaN),
  /x/,
  new Error('x'),
  new AbortController().signal,
  Object.prototype,
];

/** Any value, including those that no request may have. */
function anything(next: () => number, depth: number): unknown {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)]!;
  const kind = next();
  if (depth > 4 || kind < 0.3) return pick(SIMPLE);
  if (kind < 0.45) return Array.from({ length: Math.floor(next() * 4) }, () => anything(next, depth + 1));
  const object: Record<string, unknown> = {};
  for (let fields = Math.floor(next() * 5); fields > 0; fields--) {
    const value = anything(next, depth + 1);
    const field = pick(FIELDS);
    if (next() < 0.1)
      Object.defineProperty(object, field, {
        enumerable: true,
        configurable: true,
        get: () => {
          throw pick(SIMPLE);
        },
      });
    else Object.defineProperty(object, field, { enumerable: true, configurable: true, value });
  }
  if (next() < 0.05) object['self'] = object;
  if (kind < 0.8) return object;
  const traps = ['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf'] as const;
  const handler: ProxyHandler<object> = {};
  for (const trap of traps) {
    const how = next();
    if (how < 0.1)
      handler[trap] = () => {
        throw pick(SIMPLE);
      };
    else if (how < 0.2) handler[trap] = (() => anything(next, depth + 1)) as never;
  }
  if (next() < 0.1) {
    const { proxy, revoke } = Proxy.revocable(object, handler);
    revoke();
    return proxy;
  }
  return new Proxy(next() < 0.5 ? object : [object], handler);
}

test('reading any request gives data that can be sent, or a LinnetError', () => {
  const { signal } = new AbortController();
  let taken = 0;
  for (let seed = 0; seed < 5_000; seed++) {
    const next = random(seed);
    const value = anything(next, 0);
    // Half of them have the required fields, so that they get further.
    const half = (more: object) =>
      next() < 0.5 && typeof value === 'object' && value !== null
        ? new Proxy(value, {
            ownKeys: (target) => [...new Set([...Reflect.ownKeys(target), ...Object.keys(more)])],
            getOwnPropertyDescriptor: (target, name) =>
              Reflect.getOwnPropertyDescriptor(Object.keys(more).includes(String(name)) ? more : target, name),
            get: (target, name) =>
              (more as Record<PropertyKey, unknown>)[name] ?? (target as Record<PropertyKey, unknown>)[name],
          })
        : value;
    for (const read of [
      () => readRequest('messages', NAMES, half({ messages: anything(next, 1), signal })).fields,
      () => readRequest('prompt', NAMES, half({ prompt: 'x' })).fields,
      () => readCount(value as never),
      () => readSuggest(half({ prefix: 'x' }) as never).fields,
    ]) {
      let fields: unknown;
      try {
        fields = read();
      } catch (error) {
        // Stack traces are expensive, so they are written only for failures.
        if (!(error instanceof LinnetError)) return assert.fail(`seed ${seed}: ${String((error as Error)?.stack)}`);
        assert.equal(error.code, 'invalid-request');
        assert.equal(typeof error.details['field'], 'string', error.message);
        structuredClone(error.details);
        continue;
      }
      taken++;
      assert.deepEqual(JSON.parse(JSON.stringify(fields)), structuredClone(fields), `seed ${seed}`);
    }
  }
  assert.ok(taken > 1000, `only ${taken} were accepted`);
});
