import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerTimings } from '../src/chat/answer-timings.ts';

test('the timings of an answer are those of all its parts', () => {
  const timings = new AnswerTimings();
  const add = (predicted_n: number, predicted_per_second: number, prompt_n: number, prompt_per_second: number) =>
    timings.add({ predicted_n, predicted_per_second, prompt_n, prompt_per_second, predicted_ms: 0, prompt_ms: 0 });
  add(20, 10, 100, 50);
  assert.deepEqual(
    [timings.written, timings.read],
    [
      { tokens: 20, perSecond: 10 },
      { tokens: 100, perSecond: 50 },
    ],
  );
  // Nothing was written, and the prompt was in the KV cache.
  add(0, 0, 0, 0);
  add(10, 2.5, 300, 100);
  assert.deepEqual(
    [timings.written, timings.read],
    [
      { tokens: 30, perSecond: 5 },
      { tokens: 400, perSecond: 80 },
    ],
  );
});
