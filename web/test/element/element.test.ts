import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { suggestionsIn } from '../../src/element/shell/config.ts';
import { Memory, TokenRate } from '../../src/element/providers/conversation.ts';
import { EndpointAnswerer } from '../../src/element/providers/endpoint.ts';
import { serverEvents } from '../../src/element/providers/endpoint-answer.ts';
import { hiddenTarget, readReferences, safeAddress } from '../../src/element/markdown/links.ts';
import { explain } from '../../src/element/shell/failure.ts';
import { ENGLISH, fill } from '../../src/element/shell/strings.ts';
import { LinnetError } from '../../src/protocol/errors.ts';

test('links lead only to the web or to a mailbox', () => {
  const base = 'https://shop.example/a/b.html';
  for (const [href, address] of [
    ['https://a.example/?q=1#x', 'https://a.example/?q=1#x'],
    ['../c', 'https://shop.example/c'],
    ['//other.example', 'https://other.example/'],
    ['mailto:a@b.example', 'mailto:a@b.example'],
    ['javascript:alert(1)', undefined],
    [' java\nscript:alert(1)', undefined],
    ['JAVASCRIPT:alert(1)', undefined],
    ['data:text/html,x', undefined],
    ['blob:https://shop.example/1', undefined],
    ['file:///etc/passwd', undefined],
    ['https://bank.example@evil.example/', undefined],
    ['https://', undefined],
  ]) {
    assert.equal(safeAddress(href!, base), address, href);
  }
});

test('a link whose text names another host shows its target', () => {
  for (const [text, address, target] of [
    ['bank.example', 'https://evil.example/', 'evil.example'],
    ['https://bank.example/login', 'https://evil.example:8443/bank.example', 'evil.example:8443'],
    ['evil.example@bank.example', 'https://evil.example/', 'evil.example'],
    ['evil.example, or BANK.EXAMPLE.', 'https://evil.example/', 'evil.example'],
    ['bank\u200b.exa\u00admple', 'https://evil.example/', 'evil.example'],
    ['ｂａｎｋ。example', 'https://evil.example/', 'evil.example'],
    // The second letter is Cyrillic.
    ['bаnk.example', 'https://bank.example/', 'bank.example'],
    ['127.0.0.1', 'https://evil.example/', 'evil.example'],
    ['help@bank.example', 'mailto:a@evil.example', 'a@evil.example'],
    ['bank.example', 'mailto:a@evil.example', 'a@evil.example'],
    ['help@bank.example', 'https://evil.example/', 'evil.example'],
    ['help@bank.example', 'mailto:a%E2%80%AEb@bank.example', 'ab@bank.example'],
    ['the shop', 'https://shop.example/', undefined],
    ['e.g. version 1.2, 3.5 GB.', 'https://shop.example/', undefined],
    ['shop.example', 'https://www.shop.example/a', undefined],
    ['www.shop.example/a', 'https://shop.example/a', undefined],
    ['https://shop.example/README.md?a=b.cd', 'https://shop.example/README.md?a=b.cd', undefined],
    ['bücher.example', 'https://xn--bcher-kva.example/', undefined],
    ['write to a@shop.example', 'mailto:a@shop.example', undefined],
    ['shop.example', 'mailto:a@shop.example', undefined],
  ] as const) {
    assert.equal(hiddenTarget(text, address), target, text);
  }
  // A long text does not take long.
  for (const text of [
    'a.'.repeat(20_000),
    'a'.repeat(40_000),
    '.'.repeat(40_000),
    '1.'.repeat(20_000),
    '@'.repeat(40_000),
  ]) {
    const began = performance.now();
    hiddenTarget(text, 'https://evil.example/');
    assert.ok(performance.now() - began < 200, `${text.slice(0, 4)}: ${performance.now() - began} ms`);
  }
});

test('character references are decoded, and other text stays', () => {
  assert.equal(readReferences('&amp;lt; &lt;b&gt; &#65;&#x42; &euro; &nbsp;'), '&lt; <b> AB € \u00a0');
  for (const text of ['&', '&amp', '&nothing;', '&#0;', '&#xd800;', '&#99999999;', '&constructor;'])
    assert.equal(readReferences(text), text);
});

test('a request keeps question and system prompt, then the site’s context, then the newest exchanges', () => {
  const past = Array.from({ length: 10 }, (_, i) => ({ question: `question ${i}`, answer: 'a'.repeat(80) }));
  const material = { system: 'Be kind.', context: 'bread '.repeat(100), past, question: 'And now?' };
  const fit: Memory['fit'] = (...all) => new Memory().fit(...all);
  const all = fit(material, 1e6);
  assert.equal(all.messages.length, 22);
  assert.deepEqual([all.dropped, all.cut], [0, false]);
  const some = fit(material, 800);
  assert.deepEqual([some.messages[0]!.role, some.messages.at(-1)], ['system', { role: 'user', content: 'And now?' }]);
  assert.match(String(some.messages[0]!.content), /^Be kind\.\n\n(bread )+bread$/);
  assert.equal(some.messages.at(-2)!.content, past[9]!.answer);
  assert.ok(some.cut && some.dropped > 0 && some.dropped < 10);
  assert.ok(some.messages.reduce((sum, { content }) => sum + (content?.length ?? 0), 0) <= 800);
  // The engine rejects a question that does not fit at all.
  assert.deepEqual(fit(material, 0).messages, [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'And now?' },
  ]);
});

test('requests share their beginning; a cut makes room for several exchanges', () => {
  const memory = new Memory();
  const past: { question: string; answer: string }[] = [];
  const context = 'We bake bread. '.repeat(100);
  let before: unknown[] = [];
  const cuts: number[] = [];
  const kept: number[] = [];
  for (let turn = 0; turn < 60; turn++) {
    const question = `Question ${turn} ${'why '.repeat(turn % 5)}`;
    // The estimate of a token's length changes a little with each answer.
    const { messages, dropped } = memory.fit({ system: 'Be kind.', context, past, question }, 2400 + 40 * (turn % 3));
    assert.ok(messages.reduce((sum, { content }) => sum + (content?.length ?? 0), 0) <= 2500);
    assert.equal(messages.length, 2 * (past.length - dropped) + 2);
    if (JSON.stringify(messages.slice(0, before.length)) !== JSON.stringify(before)) cuts.push(turn);
    kept.push(past.length - dropped);
    before = [...messages, { role: 'assistant', content: `Answer ${turn} ${'because '.repeat(6)}` }];
    past.push({ question, answer: `Answer ${turn} ${'because '.repeat(6)}` });
  }
  // About eleven exchanges fit.
  assert.ok(cuts.length >= 5 && cuts.length <= 12, `cuts at turns ${cuts}`);
  assert.ok(Math.min(...kept.slice(10)) >= 4 && Math.max(...kept) <= 12, `kept ${kept}`);
  // A long exchange is not dropped to make room for later ones.
  const long = [
    { question: 'a', answer: 'b' },
    { question: 'c', answer: 'd'.repeat(700) },
  ];
  assert.equal(new Memory().fit({ system: '', context: '', past: long, question: 'e' }, 740).dropped, 1);
  assert.equal(new Memory().fit({ system: '', context: '', past: long, question: 'e' }, 700).dropped, 2);
});

test('the site’s context is cut between characters', () => {
  // A single word has no better place to cut it.
  const context = '👩‍👩‍👧'.repeat(200);
  for (let room = 300; room < 320; room++) {
    const [told] = new Memory().fit({ system: '', context, past: [], question: 'Hi' }, room).messages;
    const known = String(told!.content);
    assert.equal(known, '👩‍👩‍👧'.repeat(known.length / 8), `${room}`);
    assert.ok(known.length > 0 && known.length <= room / 2);
  }
});

test('the number of characters per token is learnt from usage', () => {
  const rate = new TokenRate();
  assert.equal(rate.characters(100), 300);
  rate.learn([{ role: 'user', content: 'x'.repeat(200) }], 100);
  assert.equal(rate.characters(100), 200);
  rate.learn([{ role: 'user', content: '' }], 0);
  assert.equal(rate.characters(100), 200);
});

test('suggestions are separated by bars, and may contain escaped bars', () => {
  assert.deepEqual(suggestionsIn('One?|Two \\| three?|C:\\dir||'), ['One?', 'Two | three?', 'C:\\dir']);
  assert.deepEqual(suggestionsIn(''), []);
});

test('placeholders in texts are filled once', () => {
  assert.equal(fill('{a} of {b} {c}', { a: '{b}', b: '2' }), '{b} of 2 {c}');
});

let server: ReturnType<typeof createServer>;
let origin = '';
const requests: { url: string | undefined; body: any }[] = [];
/** The server's response: status and body. */
let say: [number, string] = [200, ''];
/** Its content type. */
let type = 'text/event-stream';
/** The target of its redirect. */
let location: string | undefined;
before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ url: request.url, body: JSON.parse(body) });
    response.writeHead(say[0], { 'Content-Type': type, ...(location ? { Location: location } : {}) }).end(say[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
after(() => {
  // Connections that fetch keeps alive would delay the end of the tests.
  server.closeAllConnections();
  server.close();
});

const ask = async (address: string, signal = new AbortController().signal) => {
  const answerer = new EndpointAnswerer(address, origin, 'm', { 'X-Key': 'k' });
  const pieces = [];
  for await (const piece of answerer.answer([{ role: 'user', content: 'Hi' }], {
    maxTokens: 5,
    temperature: 0,
    signal,
  }))
    pieces.push(piece);
  return pieces;
};

test('requests to a server have OpenAI’s shape', async () => {
  say = [
    200,
    [
      ': hello\n\ndata: {"choices":[{"delta":{"role":"assistant","content":"A"}}]}\r\n\r\ndata:\n\n',
      'data: {"choices":[{"delta":{"content":"é"}}],"usage":null}\n\n',
      'data: {"choices":[{"delta":{},"finish_reason":"length"}],"usage":{"prompt_tokens":7}}\n\n',
      'data: [DONE]\n\ndata: {"choices":[{"delta":{"content":"late"}}]}',
    ].join(''),
  ];
  for (const address of [`${origin}/v1`, `${origin}/v1/`, '/v1/chat/completions']) {
    assert.deepEqual(await ask(address), [{ text: 'A' }, { text: 'é' }, { finishReason: 'length', promptTokens: 7 }]);
    const { url, body } = requests.at(-1)!;
    assert.equal(url, '/v1/chat/completions');
    assert.deepEqual(body, {
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: true,
      max_tokens: 5,
      temperature: 0,
    });
  }
});

test('failures of a server have error codes', async () => {
  for (const [status, body, code] of [
    [404, '', 'not-found'],
    [500, '', 'http'],
    [400, '{"error":{"message":"This model\'s maximum context length is 10 tokens"}}', 'context-full'],
    [200, 'data: {"error":{"message":"no"}}\n\n', 'http'],
    [200, 'data: {"error":"overloaded"}\n\n', 'http'],
    [200, 'error: {"code":500,"message":"no"}\n\n', 'http'],
    [
      200,
      'data: {"object":"error","message":"This model’s maximum context length is 10 tokens","code":400}\n\n',
      'context-full',
    ],
    [200, 'data: {nonsense\n\n', 'http'],
    [200, 'data: null\n\n', 'http'],
  ] as const) {
    say = [status, body];
    await assert.rejects(ask(`${origin}/v1`), (error: any) => error.code === code, code);
  }
  await assert.rejects(ask('http://127.0.0.1:1/v1'), (error: any) => error.code === 'network');
  await assert.rejects(ask(`${origin}/v1`, AbortSignal.abort()), (error: any) => error.code === 'aborted');
  for (const address of ['javascript:1', 'https://name:word@a.example/', 'https://']) {
    assert.throws(
      () => new EndpointAnswerer(address, origin, undefined, {}),
      (error: any) => error.code === 'invalid-request',
      address,
    );
  }
});

test('a response that is not an event stream is named in the console; a complete answer is used', async () => {
  const completion = {
    choices: [{ message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3 },
  };
  const whole = [{ text: 'Hi', finishReason: 'stop', promptTokens: 3 }];
  type = 'application/json; charset=utf-8';
  say = [200, JSON.stringify(completion)];
  assert.deepEqual(await ask(`${origin}/v1`), whole);
  for (const [kind, body, came] of [
    ['text/html', '<!doctype html><p>An app', /a web page \(text\/html\)/],
    ['text/plain', 'Hello', /with text\/plain, but/],
    ['application/json', '{"response":"Hi"}', /not a chat.completion \(\{"response":"Hi"\}\)/],
    ['application/json', '{"choices":[]}', /without choices/],
    ['application/json', '', /an empty answer/],
    ['text/event-stream', '', /an empty event stream/],
    ['text/event-stream', 'data: [DONE]\n\n', /an empty event stream/],
    ['text/event-stream', 'data: {"type":"ping"}\n\n', /\{"type":"ping"\}/],
  ] as const) {
    [type, say] = [kind, [200, body]];
    await assert.rejects(ask(`${origin}/v1`), ({ code, message }: LinnetError) => {
      assert.match(message, came);
      return code === 'http' && message.includes('must answer with an event stream');
    });
  }
  type = 'text/event-stream';
});

test('a server’s reasoning and tool calls are read, in a stream and in a whole answer', async () => {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ delta, finish_reason }] })}\n\n`;
  const call = { index: 0, id: 'a', type: 'function', function: { name: 'look', arguments: '{"a"' } };
  say = [
    200,
    [
      chunk({ reasoning_content: 'Hm. ' }),
      chunk({ reasoning: 'Yes.', content: '' }),
      chunk({ tool_calls: [call, null, { index: 1, function: 3 }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
      chunk({}, 'tool_calls'),
      'data: [DONE]\n\n',
    ].join(''),
  ];
  const none = { id: undefined, name: undefined };
  assert.deepEqual(await ask(`${origin}/v1`), [
    { reasoning: 'Hm. ' },
    { reasoning: 'Yes.' },
    {
      calls: [
        { index: 0, id: 'a', name: 'look', arguments: '{"a"' },
        { index: 1, ...none, arguments: '' },
      ],
    },
    { calls: [{ index: 0, ...none, arguments: ':1}' }] },
    { finishReason: 'stop' },
  ]);
  type = 'application/json';
  const message = { content: null, tool_calls: [{ id: 'b', function: { name: 'look', arguments: { a: 1 } } }] };
  say = [200, JSON.stringify({ choices: [{ message, finish_reason: 'tool_calls' }] })];
  assert.deepEqual(await ask(`${origin}/v1`), [
    { calls: [{ index: 0, id: 'b', name: 'look', arguments: '{"a":1}' }], finishReason: 'stop' },
  ]);
  type = 'text/event-stream';
});

test('an interrupted answer fails, and its text is kept', async () => {
  const pieces: unknown[] = [];
  const answerer = new EndpointAnswerer(`${origin}/v1`, origin, undefined, {});
  say = [200, 'data: {"choices":[{"delta":{"content":"Half an"}}]}\n\n'];
  const read = async () => {
    const options = { maxTokens: 5, temperature: 0, signal: new AbortController().signal };
    for await (const piece of answerer.answer([], options)) pieces.push(piece);
  };
  await assert.rejects(read, (error: any) => error.code === 'network' && /broke off/.test(error.message));
  assert.deepEqual(pieces, [{ text: 'Half an' }]);
  const text = explain(new LinnetError('network', ''), ENGLISH, { failed: 'a.example', begun: true }).text;
  assert.equal(text, 'The answer from a.example stopped before its end. Try again.');
  say = [200, 'data: {"choices":[{"delta":{"content":"A"},"finish_reason":"stop"}]}\n\n'];
  assert.deepEqual(await ask(`${origin}/v1`), [{ text: 'A', finishReason: 'stop' }]);
});

test('the console reports a failing endpoint once, and no network failures of visitors', (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const told = () => warn.mock.calls.map(({ arguments: [text] }) => text);
  for (const code of ['network', 'http'] as const) {
    const error = new LinnetError(code, 'It failed.');
    explain(error, ENGLISH, {});
    for (let time = 0; time < 2; time++) explain(error, ENGLISH, { failed: 'api.example' });
  }
  const text = (code: string) => `<linnet-chat>: the endpoint api.example failed: It failed. (${code})`;
  assert.deepEqual(told(), [text('network'), text('http')]);
});

test('only the beginning of an error response is read', async () => {
  const text = 'This model’s maximum context length is 10 tokens. '.repeat(10);
  let ended = false;
  const endless = createServer((_, response) => {
    response.writeHead(400);
    const timer = setInterval(() => response.write(text), 1);
    response.on('close', () => {
      ended = true;
      clearInterval(timer);
    });
  });
  await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
  const { port } = endless.address() as { port: number };
  await assert.rejects(ask(`http://127.0.0.1:${port}/v1`), (error: any) => error.code === 'context-full');
  while (!ended) await new Promise((resolve) => setTimeout(resolve, 1));
  endless.closeAllConnections();
  endless.close();
});

test('a redirect does not send the conversation to another server', async () => {
  const got: (string | undefined)[] = [];
  const other = createServer((request, response) => {
    got.push(request.headers['x-key'] as string | undefined);
    response
      .writeHead(200, { 'Content-Type': 'text/event-stream' })
      .end('data: {"choices":[{"delta":{"content":"A"}}]}\n\n');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  for (const status of [301, 302, 303, 307, 308]) {
    say = [status, ''];
    location = `http://127.0.0.1:${port}/v1/chat/completions`;
    await assert.rejects(ask(`${origin}/v1`), (error: any) => error.code === 'network', String(status));
  }
  location = undefined;
  other.closeAllConnections();
  other.close();
  assert.deepEqual(got, []);
});

test('events may be split at any byte', async () => {
  const bytes = new TextEncoder().encode('data: ä\n\ndata: b\n\nevent: x\n\ndata: c');
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const found = [];
  for await (const data of serverEvents(body)) found.push(data);
  assert.deepEqual(found, ['ä', 'b', 'c']);
});
