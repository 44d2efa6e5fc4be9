import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Token } from 'marked';
import { parse } from '../../src/element/markdown/parse.ts';

/** The length of the longest text that is parsed at once. */
const fill = (text: string) => text.repeat(Math.ceil(2000 / text.length)).slice(0, 2000);
const HOSTILE = [
  `${'- '.repeat(900)}x${'\nb\n'.repeat(60)}`,
  `${'> '.repeat(500)}x${'\nb\n'.repeat(330)}`,
  `${'- '.repeat(500)}x${'- \nb\n'.repeat(200)}`,
  fill(`${'- '.repeat(490)}a\nb\n`),
  fill(`${'> '.repeat(30)}1. \nb\n`),
  fill('> > \nb\n'),
  fill('**a['),
  fill('*~<'),
  Array.from({ length: 43 }, (_, i) => `${'  '.repeat(i)}- a\n`).join(''),
];

function deepest(tokens: readonly Token[]): number {
  const below = (token: Token): readonly Token[] =>
    token.type === 'list' ? (token['items'] as Token[]) : ((token as { tokens?: Token[] }).tokens ?? []);
  return tokens.reduce((depth, token) => Math.max(depth, 1 + deepest(below(token))), 0);
}

test('hostile Markdown is parsed quickly, and its nesting is limited', () => {
  // Without limits the first one took a second, and others 0.4 s. The processor's time counts, since a busy machine
  // takes longer.
  for (const text of HOSTILE) {
    let best = Infinity;
    for (let tries = 0; tries < 5 && best >= 200; tries++) {
      const began = process.cpuUsage();
      const tokens = parse(text);
      best = Math.min(best, process.cpuUsage(began).user / 1000);
      assert.ok(deepest(tokens) <= 30, text.slice(0, 20));
      assert.equal(tokens.map(({ raw }) => raw).join(''), text, 'no text is lost');
    }
    assert.ok(best < 200, `${JSON.stringify(text.slice(0, 20))}: ${best} ms`);
  }
});

test('typical Markdown of models is within the limits', () => {
  const nested = Array.from({ length: 7 }, (_, i) => `${'  '.repeat(i)}- **level** ${i}\n`).join('');
  const [list] = parse(nested);
  assert.equal(deepest([list!]), 2 * 7 + 3);
  // Half a page of names with underscores, single marks, and emphasis.
  const [paragraph] = parse(`${'snake_case_name '.repeat(60)}${'2 * 3 ~ 4 '.repeat(30)}${'**bold** '.repeat(60)}`);
  assert.equal((paragraph as { tokens: Token[] }).tokens.filter(({ type }) => type === 'strong').length, 60);
});
