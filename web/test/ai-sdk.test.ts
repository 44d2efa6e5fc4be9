import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { generateText, streamText } from 'ai';
import { linnet, LinnetLanguageModel } from '../src/ai-sdk.ts';
import { LinnetError } from '../src/protocol/errors.ts';
import { FakeChat } from './fakes/fake-chat.ts';

// The SDK warns on the console about unsupported features, which is tested here.
(globalThis as any).AI_SDK_LOG_WARNINGS = false;

test('generateText answers, with usage and settings', async () => {
  const engine = new FakeChat();
  const model = linnet(engine);
  const { text, usage, finishReason, warnings, response, providerMetadata } = await generateText({
    model,
    system: 'Be brief.',
    messages: [
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'hm' },
          { type: 'text', text: 'Hello' },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'one ' },
          { type: 'text', text: 'two' },
        ],
      },
    ],
    maxOutputTokens: 2,
    temperature: 0.3,
    topK: 5,
    topP: 0.9,
    seed: 7,
    stopSequences: ['\n'],
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
    providerOptions: { linnet: { min_p: 0.05, unknown: 1 } },
  });
  assert.equal(text, 're: one');
  assert.deepEqual([usage.inputTokens, usage.outputTokens, usage.totalTokens, finishReason], [10, 2, 12, 'stop']);
  assert.deepEqual(warnings ?? [], []);
  assert.equal(response.modelId, 'Fake');
  assert.ok(providerMetadata?.['linnet']?.['timings']);
  const { signal: _, ...request } = engine.requests[0]!;
  assert.deepEqual(request, {
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello', reasoning_content: 'hm' },
      { role: 'user', content: 'one two' },
    ],
    max_tokens: 2,
    temperature: 0.3,
    top_k: 5,
    top_p: 0.9,
    seed: 7,
    stop: ['\n'],
    presence_penalty: 0.1,
    frequency_penalty: 0.2,
    min_p: 0.05,
  });
});

test('an assistant’s message at the end is continued, with the space after it', async () => {
  const engine = new FakeChat();
  engine.answer = () => ' Paris.';
  const messages = [
    { role: 'user' as const, content: 'Capital of France?' },
    { role: 'assistant' as const, content: 'It is' },
  ];
  assert.equal((await generateText({ model: linnet(engine), messages })).text, ' Paris.');
  let streamed = '';
  for await (const piece of streamText({ model: linnet(engine), messages }).textStream) streamed += piece;
  assert.equal(streamed, ' Paris.');
});

test('streamText emits text as it arrives', async () => {
  const result = streamText({ model: linnet(new FakeChat()), prompt: 'a b c' });
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  assert.deepEqual(pieces, ['re:', ' a', ' b', ' c']);
  assert.equal((await result.usage).totalTokens, 8);
  assert.equal(await result.finishReason, 'stop');
});

test('an abort ends the answer with an AbortError', async () => {
  const engine = new FakeChat();
  const stop = new AbortController();
  const whole = generateText({ model: linnet(engine), prompt: 'a b c d e f', abortSignal: stop.signal, maxRetries: 0 });
  setTimeout(() => stop.abort(), 3);
  await assert.rejects(whole, (error: any) => error.name === 'AbortError');
  const other = new AbortController();
  const parts: string[] = [];
  for await (const { type } of streamText({ model: linnet(engine), prompt: 'a b c d e f', abortSignal: other.signal })
    .fullStream) {
    parts.push(type);
    if (type === 'text-delta') other.abort();
  }
  assert.ok(parts.includes('abort') && !parts.includes('error'), String(parts));
});

test('a stream that ended, was cancelled or never started does not listen to its signal', async () => {
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'a b' }] }];
  const listening = () => getEventListeners(stop.signal, 'abort').length;
  const stop = new AbortController();
  const model = linnet(new FakeChat());
  const { stream } = await model.doStream({ prompt, abortSignal: stop.signal });
  assert.equal(listening(), 1);
  for await (const _ of stream) {
    // Reads the stream to its end.
  }
  assert.equal(listening(), 0);
  await (await model.doStream({ prompt, abortSignal: stop.signal })).stream.cancel();
  assert.equal(listening(), 0);
  const broken = new LinnetLanguageModel('m', () => Promise.reject(new LinnetError('network', 'broken')));
  await assert.rejects(broken.doStream({ prompt, abortSignal: stop.signal }));
  const image = [{ role: 'user' as const, content: [{ type: 'file' as const }] }];
  await assert.rejects(model.doStream({ prompt: image, abortSignal: stop.signal }), { code: 'invalid-request' });
  assert.equal(listening(), 0);
});

test('an abort ends the wait for a model, which continues loading for the next request', async () => {
  let loaded: (engine: FakeChat) => void = () => undefined;
  let loads = 0;
  const model = new LinnetLanguageModel('m', () => {
    loads++;
    return new Promise((resolve) => (loaded = resolve));
  });
  const stop = new AbortController();
  const whole = generateText({ model, prompt: 'a', abortSignal: stop.signal, maxRetries: 0 });
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'a' }] }];
  const streamed = model.doStream({ prompt, abortSignal: stop.signal });
  setTimeout(() => stop.abort(), 3);
  await assert.rejects(whole, (error: any) => error.name === 'AbortError');
  await assert.rejects(Promise.resolve(streamed), (error: any) => error.name === 'AbortError');
  const next = generateText({ model, prompt: 'b', maxRetries: 0 });
  loaded(new FakeChat());
  assert.equal((await next).text, 're: b');
  assert.equal(loads, 1);
});

test('reasoning is emitted as reasoning', async () => {
  const engine = new FakeChat();
  engine.answer = () => [{ reasoning: 'Easy,' }, { reasoning: ' that.' }, { text: 'Blue,' }, { text: ' mostly.' }];
  const whole = await generateText({ model: linnet(engine), prompt: 'a' });
  assert.deepEqual([whole.reasoningText, whole.text], ['Easy, that.', 'Blue, mostly.']);
  const streamed = streamText({ model: linnet(engine), prompt: 'a' });
  const parts: string[] = [];
  for await (const part of streamed.fullStream) if (/^(reasoning|text)-/.test(part.type)) parts.push(part.type);
  assert.deepEqual(
    parts.filter((part, at) => part !== parts[at - 1]),
    ['reasoning-start', 'reasoning-delta', 'reasoning-end', 'text-start', 'text-delta', 'text-end'],
  );
  assert.equal(await streamed.reasoningText, 'Easy, that.');
  assert.equal(await streamed.text, 'Blue, mostly.');
});

test('modelId is the model’s id, address or name', () => {
  const names = [
    linnet(),
    linnet('https://a.example/b.gguf'),
    linnet(new URL('https://a.example/c.gguf')),
    linnet({ id: 'own', files: [{ url: '/d.gguf' }] }),
    linnet(new File([], 'e.gguf')),
  ];
  assert.deepEqual(
    names.map(({ modelId }) => modelId),
    ['smollm2-135m-instruct', 'https://a.example/b.gguf', 'https://a.example/c.gguf', 'own', 'e.gguf'],
  );
});

test('a failure is a LinnetError', async () => {
  const engine = new FakeChat();
  engine.failure = new LinnetError('device-lost', 'gone');
  await assert.rejects(
    generateText({ model: linnet(engine), prompt: 'a', maxRetries: 0 }),
    (error: any) => error.code === 'device-lost',
  );
  const { stream } = await linnet(engine).doStream({
    prompt: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }],
  });
  const parts = [];
  for await (const part of stream) parts.push(part);
  assert.deepEqual(
    parts.map(({ type }) => type),
    ['stream-start', 'error', 'finish'],
  );
  assert.ok(parts[2]!.type === 'finish' && parts[2]!.finishReason.unified === 'error');
});

test('the model is loaded once, and again after a failure or dispose', async () => {
  const engines: FakeChat[] = [];
  let failing = true;
  const model = new LinnetLanguageModel('m', async () => {
    if (failing) throw new LinnetError('network', 'no');
    engines.push(new FakeChat());
    return engines.at(-1)!;
  });
  const ask = () => generateText({ model, prompt: 'a', maxRetries: 0 });
  await assert.rejects(ask(), (error: any) => error.code === 'network');
  failing = false;
  await Promise.all([ask(), ask()]);
  assert.equal(engines.length, 1);
  await model.dispose();
  assert.equal(engines[0]!.disposed, true);
  await ask();
  assert.equal(engines.length, 2);
});
