// What is folded in <linnet-chat>: reasoning and tool calls, as a person unfolds them. The model is a script.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answered, ask, ChatFixture, inChat, part, within } from '../../support/chat-fixture.mjs';

/** Answers of much reasoning and two calls: one with a long result, and one with a long name that fails. */
function script() {
  const window = /** @type {any} */ (globalThis);
  const long = `stock_of_the_other_shop_${'in_the_next_town_'.repeat(2)}`;
  window.pieces = ({ messages }) => {
    if (messages.at(-1).role === 'tool') return ['Three ', 'loaves.'];
    const call = (index, name) => ({ index, id: `c${index}`, type: 'function', function: { name, arguments: '{}' } });
    return [
      { reasoning_content: 'They want to know. '.repeat(200) },
      { tool_calls: [call(0, 'stock'), call(1, long)] },
    ];
  };
  const stock = { name: 'stock', execute: () => Array.from({ length: 40 }, (_, shelf) => ({ shelf })) };
  const fails = () => Promise.reject(new Error('it is closed'));
  const tools = [stock, { name: long, execute: fails }];
  Object.assign(/** @type {any} */ (document.querySelector('linnet-chat')), { tools });
}

describe('folds in the chat element', { timeout: 120_000 }, () => {
  /** @type {ChatFixture} */
  let fixture;
  before(async () => {
    fixture = await ChatFixture.open({});
  });
  after(() => fixture?.close());

  async function visit(t) {
    const page = await fixture.visit(t, '/inline.html', { width: 390, height: 600 });
    await page.evaluate(script);
    await page.click(inChat('.launcher'));
    await ask(page, 'How many?');
    return page;
  }
  const frames = (page) =>
    page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  /** The offset from the top of the window, in whole pixels. */
  const topOf = (page, selector) =>
    within(page, (root, selector) => Math.round(root.querySelector(selector).getBoundingClientRect().top), selector);
  const following = (page) => within(page, (root) => root.querySelector('.log').hasAttribute('data-following'));

  test('what is unfolded stays where it is, and the end is followed again after it is folded', async (t) => {
    const page = await visit(t);
    for (const selector of ['.reasoning summary', '.call summary', '.call:last-child summary']) {
      await within(page, (root, selector) => root.querySelector(selector).scrollIntoView({ block: 'end' }), selector);
      await frames(page);
      const top = await topOf(page, selector);
      await page.click(inChat(selector));
      await frames(page);
      assert.equal(await topOf(page, selector), top, selector);
      await page.focus(inChat(selector));
      await page.keyboard.press('Enter');
      await frames(page);
      assert.equal(await within(page, (root) => root.querySelector('details[open]') === null), true);
    }
    await ask(page, 'And now?');
    await frames(page);
    assert.equal(await following(page), true);
    const left = await within(page, (root) => {
      const { scrollHeight, scrollTop, clientHeight } = root.querySelector('.log');
      return scrollHeight - scrollTop - clientHeight;
    });
    assert.ok(left < 2, `${left} px are below`);
  });

  test('a long name stays beside its mark, which unfolds it', async (t) => {
    const page = await visit(t);
    const [short, long] = await within(page, (root) =>
      [...root.querySelectorAll('.call')].map((call) => {
        const range = document.createRange();
        range.selectNodeContents(call.querySelector('summary'));
        const box = call.getBoundingClientRect();
        const [line] = range.getClientRects();
        return {
          top: Math.round(line.top - box.top),
          left: box.left,
          y: box.top,
          lines: range.getClientRects().length,
        };
      }),
    );
    assert.ok(long.lines > 1, 'the name has several lines');
    assert.equal(long.top, short.top);
    for (const [x, open] of /** @type {const} */ ([
      [20, true],
      [40, false],
    ])) {
      await page.mouse.click(long.left + x, long.y + 20);
      assert.equal(await within(page, (root) => root.querySelector('.call:last-child details').open), open);
    }
  });

  test('a call without text before it is no further from the reasoning than the text would be', async (t) => {
    const page = await visit(t);
    const gap = await within(page, (root) => {
      const [reasoning, call] = ['.reasoning', '.call'].map((name) => root.querySelector(name).getBoundingClientRect());
      return Math.round(call.top - reasoning.bottom);
    });
    assert.equal(gap, 12);
  });

  test('a model that says nothing after its calls is noticed', async (t) => {
    const page = await visit(t);
    const noted = () => within(page, (root) => root.querySelector('.answer:last-child .meta').textContent);
    assert.equal(await noted(), '');
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      const { pieces } = window;
      window.pieces = (request) => (request.messages.at(-1).role === 'tool' ? [] : pieces(request));
    });
    await ask(page, 'And now?');
    assert.equal(await noted(), 'The model gave no answer.');
    assert.equal(
      await within(page, (root) => root.querySelector('[aria-live=polite]').textContent),
      'The model gave no answer.',
    );
  });

  test('an answer that is stopped in the text after a call keeps both', async (t) => {
    const page = await visit(t);
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      const { pieces } = window;
      window.pieces = function* (request) {
        for (const piece of pieces(request)) {
          yield piece;
          // It comes too late.
          if (piece === 'Three ') window.pause = 3000;
        }
      };
    });
    await (await part(page, '.input')).type('Again?');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => {
      const { shadowRoot } = /** @type {Element} */ (document.querySelector('linnet-chat'));
      return shadowRoot?.querySelector('.answer:last-child .step:last-child .body')?.textContent?.trim() === 'Three';
    });
    await page.click(inChat('.stop'));
    await answered(page);
    const shown = () =>
      within(page, (root) => [
        ...[...root.querySelectorAll('.answer:last-child .call')].map(({ dataset }) => dataset.state),
        root.querySelector('.answer:last-child .step:last-child .body').textContent.trim(),
      ]);
    assert.deepEqual(await shown(), ['done', 'failed', 'Three']);
    await page.evaluate(() => Object.assign(globalThis, { pause: 0 }));
    await ask(page, 'Go on');
    const { messages } = await page.evaluate(() => /** @type {any} */ (globalThis).requests.at(-2));
    assert.deepEqual(
      messages.slice(-6).map(({ role, content }) => [role, role === 'tool' ? '' : (content?.trim() ?? null)]),
      [
        ['user', 'Again?'],
        ['assistant', null],
        ['tool', ''],
        ['tool', ''],
        ['assistant', 'Three'],
        ['user', 'Go on'],
      ],
    );
  });
});
