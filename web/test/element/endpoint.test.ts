import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointAnswerer } from '../../src/element/providers/endpoint.ts';

test('every text that a server receives is well-formed', async (t) => {
  const sent: string[] = [];
  t.mock.method(globalThis, 'fetch', async (_: unknown, { body }: RequestInit) => {
    sent.push(String(body));
    return Response.json({ choices: [{ message: { content: 'Yes.' }, finish_reason: 'stop' }] });
  });
  const answerer = new EndpointAnswerer('https://a.example/v1', 'https://a.example/', 'm\ud83d', {});
  const messages = [
    { role: 'system', content: 'Be kind \ud83d' },
    { role: 'user', content: '\ude00 Hi \ud83d\ude00' },
  ] as const;
  const options = { maxTokens: 5, temperature: 0, signal: new AbortController().signal };
  for await (const _ of answerer.answer(messages, options));
  const body = JSON.parse(sent[0]!);
  assert.equal(body.model, 'm\ufffd');
  assert.deepEqual(
    body.messages.map(({ content }: { content: string }) => content),
    ['Be kind \ufffd', '\ufffd Hi \ud83d\ude00'],
  );
});
