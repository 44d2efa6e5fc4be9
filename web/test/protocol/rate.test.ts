import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateMeter } from '../../src/protocol/rate.ts';

test('the rate is that of the last seconds', () => {
  let now = 0;
  const meter = new RateMeter(1000, () => now);
  assert.equal(meter.perSecond(), 0);
  for (; now <= 5000; now += 100) meter.add(10);
  now -= 100;
  assert.equal(meter.perSecond(), 100);
  for (now += 100; now <= 10_000; now += 100) meter.add(500);
  now -= 100;
  assert.equal(meter.perSecond(), 5000);
  now += 1000;
  assert.ok(meter.perSecond() < 500);
});
