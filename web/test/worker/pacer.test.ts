import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pacer, SHARE } from '../../src/worker/pacer.ts';
import type { Pace } from '../../src/protocol/messages.ts';

/**
 * A device on which each token takes `cost` milliseconds. One that decodes ahead computes the next sixteen tokens
 * during rests.
 */
class Device {
  now = 0;
  /** The milliseconds that it was busy. */
  busy = 0;
  /** The time until which it is busy, and the tokens that are ready. */
  #until = 0;
  #fetched = 0;
  readonly pacer: Pacer;

  constructor(
    public cost: number,
    readonly ahead: boolean,
  ) {
    this.pacer = new Pacer(ahead);
  }

  /** Generates tokens. Returns the share of the time in which it was busy. */
  write(tokens: number, pace: Pace): number {
    const [now, busy] = [this.now, this.busy];
    for (let i = 0; i < tokens; i++) {
      const began = this.now;
      this.#step();
      this.now += this.pacer.rest(pace, true, began, this.now);
    }
    return (this.busy - busy) / (this.now - now);
  }

  #step(): void {
    if (!this.ahead) {
      this.now += this.cost;
      this.busy += this.cost;
    } else if (this.#fetched-- === 0) {
      // The next sixteen are requested before the current ones are awaited.
      const ready = this.#until;
      this.#until = Math.max(this.now, ready) + 16 * this.cost;
      this.busy += 16 * this.cost;
      this.now = Math.max(this.now, ready);
      this.#fetched = 15;
    }
  }
}

for (const ahead of [false, true]) {
  const kind = ahead ? 'a GPU, which computes ahead' : 'a CPU';
  for (const cost of [1, 7, 120]) {
    test(`gentle answers of ${kind} with ${cost} ms per token compute for at most half of the time`, () => {
      const device = new Device(cost, ahead);
      assert.ok(device.write(300, 'full') > 0.9);
      device.pacer.resume();
      device.write(100, 'gentle');
      const share = device.write(2000, 'gentle');
      assert.ok(share <= SHARE + 0.04 && share > SHARE - 0.1, `${share}`);
    });
  }

  test(`automatic pacing of ${kind} rests when it has become slower, but not for a long chat`, () => {
    const device = new Device(10, ahead);
    assert.ok(device.write(3000, 'auto') > 0.97);
    // The time of attention with a context of some thousand tokens.
    device.cost = 16;
    assert.ok(device.write(3000, 'auto') > 0.97);
    device.cost = 40;
    device.write(1200, 'auto');
    assert.ok(device.write(200, 'auto') < SHARE + 0.1);
    device.cost = 10;
    device.write(2400, 'auto');
    assert.ok(device.write(500, 'auto') > 0.97, 'it has cooled down');
  });
}

test('the GPU’s speed is not measured across a pause between answers', () => {
  const device = new Device(10, true);
  for (let answer = 0; answer < 10; answer++) {
    device.pacer.resume();
    device.write(40, 'auto');
    device.now += 60_000;
  }
  device.pacer.resume();
  assert.ok(device.write(2000, 'gentle') > 0.4);
});

test('a chunk of the prompt is followed by a rest, too', () => {
  const pacer = new Pacer(false);
  assert.equal(pacer.rest('full', false, 0, 800), 0);
  assert.equal(pacer.rest('gentle', false, 1000, 1800), 800);
});
