// The reports of `cargo xtask bench`.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chart } from '../../bench/chart.mjs';
import { promptIds, promptText } from '../../bench/prompts.mjs';
import { OURS, otherModule, spread, text } from '../../bench/report.mjs';

/** Five engines with one and two threads. Each is half as fast as the one before it. */
function report() {
  const engines = [OURS, 'Linnet, native', 'llama.cpp, native', 'wllama 3.8.1, Chromium', otherModule(true)];
  const speeds = [1, 2].flatMap((threads) =>
    [40, 250].flatMap((prompt) =>
      // One did not run the longer prompt.
      engines.slice(0, prompt === 250 ? 4 : 5).map((engine, at) => ({
        engine,
        threads,
        prompt,
        prefill: spread([(1234.5 * threads) / 2 ** at]),
        decode: spread([(100 * threads) / 2 ** at]),
      })),
    ),
  );
  const context = [
    { threads: 1, decode: [50, 2000].map((prompt) => ({ prompt, speed: spread([prompt === 50 ? 80 : 60]) })) },
  ];
  const load = {
    threads: 2,
    load: spread([900]),
    first: spread([1000]),
    read: spread([400]),
    prefill: spread([100]),
    ratio: 2,
  };
  const memory = { file: 98e6, kv: 24e6, loaded: 130e6, generated: 131e6, limit: 176.7e6 };
  return {
    browser: 'Chrome',
    cpu: 'a <CPU>',
    threads: [1, 2],
    notes: ['a note'],
    models: [
      { file: 'one.gguf', speeds, context, load, memory },
      { file: 'two.gguf', speeds, context: [] },
    ],
  };
}

describe('the benchmark', () => {
  test('the result of several runs is their median', () => {
    assert.deepEqual(spread([9, 1, 5]), { median: 5, min: 1, max: 9, runs: [9, 1, 5] });
    assert.equal(spread([4, 1, 2, 8]).median, 3);
  });

  test('no two prompts have the same beginning', () => {
    const ids = Array.from({ length: 50 }, (_, seed) => promptIds(40, seed));
    assert.equal(new Set(ids.map(([first, second]) => `${first} ${second}`)).size, 50);
    assert.ok(ids.flat().every((id) => id >= 1000 && id < 21_000));
    assert.deepEqual(promptIds(40, 7), promptIds(40, 7));
    assert.notEqual(promptText(40, 1), promptText(40, 2));
    assert.ok(promptText(900, 1).split(' ').length > 600);
  });

  test('the table compares every engine with Linnet', () => {
    const words = text(report());
    assert.match(
      words,
      /llama\.cpp, native +2 +250 +617\.3 \(617\.3-617\.3\) +4\.00x +50\.0 \(50\.0-50\.0\) +4\.00x +1/,
    );
    assert.match(words, /80\.0 \(80\.0-80\.0\) +60\.0 \(60\.0-60\.0\) +75 %/);
    assert.match(words, /the former is 2\.00x these/);
    assert.match(words, /130\.0 MB after loading, 131\.0 MB after an answer.*are 176\.7 MB/);
  });

  test('nothing overlaps in the chart', () => {
    const svg = chart(report());
    assert.ok(svg.includes('a &#60;CPU&#62;'));
    assert.ok(svg.includes('prefill, tokens: 250; Linnet: 40<'));
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? [];
    // No letter of these fonts is wider than 9 at this size.
    const words = [...svg.matchAll(/<text x="([\d.]+)" y="(\d+)"[^>]*>([^<]*)</g)].map(([, x, y, text]) => ({
      from: Number(x),
      to: Number(x) + 9 * text.replace(/&#\d+;/g, 'x').length,
      y: Number(y),
    }));
    const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g)].map(([, x, y, length]) => ({
      from: Number(x),
      to: Number(x) + Number(length),
      y: Number(y) + 12,
    }));
    assert.equal(bars.length, 2 * 2 * 2 * 5, 'a bar for each engine, number of threads, panel and model');
    const marks = [...words, ...bars].sort((a, b) => a.y - b.y || a.from - b.from);
    for (const [at, mark] of marks.entries()) {
      assert.ok(mark.to <= Number(width) && mark.y < Number(height), `${JSON.stringify(mark)} is inside the picture`);
      const next = marks[at + 1];
      assert.ok(
        next?.y !== mark.y || mark.to <= next.from,
        `${JSON.stringify(mark)} ends before ${JSON.stringify(next)}`,
      );
    }
  });
});
