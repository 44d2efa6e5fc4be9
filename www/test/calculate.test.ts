import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calculate } from '../src/tools/calculate.ts';
import { TOOLS } from '../src/tools/tools.ts';

test('arithmetic is evaluated with the usual precedence', () => {
  for (const [expression, value] of [
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['10 - 4 - 3', 3],
    ['100 / 10 / 5', 2],
    ['2 ^ 3 ^ 2', 512],
    ['2 ** 3', 8],
    ['-2 ^ 2', -4],
    ['2 ^ -1', 0.5],
    ['--3', 3],
    ['7 % 4', 3],
    ['-7 % 4', -3],
    ['12.5 × 7 ÷ 2 − 1', 42.75],
    ['.5 + 1e3 + 2E-1', 1000.7],
    ['sqrt(16) + max(1, 2, 3)', 7],
    ['round(2 * PI)', 6],
    ['ln(e)', 1],
    ['log(1000)', 3],
  ] as const)
    assert.ok(Math.abs(calculate(expression) - value) < 1e-12, `${expression} = ${calculate(expression)}`);
});

test('anything else is named, and nothing runs as code', () => {
  for (const [expression, fault] of [
    ['', /not complete/],
    ['1 +', /not complete/],
    ['1 2', /unexpected "2"/],
    ['(1', /"\)" is missing/],
    ['1)', /unexpected "\)"/],
    ['1 / 0', /division by zero/],
    ['1 % 0', /division by zero/],
    ['sqrt(-1)', /not a number/],
    ['9 ^ 999', /infinite/],
    ['sqrt(1, 2)', /takes one number/],
    ['max 3', /"\(" is missing/],
    ['alert(1)', /unexpected "alert"/],
    ['constructor', /unexpected "constructor"/],
    ['toString()', /unexpected "tostring"/],
    ['2; 3', /"; 3" cannot be read/],
    ['1 = 1', /cannot be read/],
    ['$1', /cannot be read/],
    ['('.repeat(2000), /longer than 1000/],
  ] as const)
    assert.throws(() => calculate(expression), fault, expression);
  assert.throws(() => calculate('('.repeat(1000)), /not complete/);
});

test('the tools give the model short texts', () => {
  const { signal } = new AbortController();
  assert.equal(TOOLS.calculator.execute({ expression: '0.1 + 0.2' }, { signal }), '0.3');
  assert.equal(TOOLS.calculator.execute({ expression: 7 }, { signal }), '7');
  assert.throws(() => TOOLS.calculator.execute({ sum: '1' }, { signal }), /"expression" must be a string/);
  const { local, time_zone, utc } = TOOLS.clock.execute({}, { signal }) as Record<string, string>;
  assert.ok(local && time_zone && utc && !Number.isNaN(Date.parse(utc)));
});
