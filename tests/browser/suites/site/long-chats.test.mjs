// Chats of the demo site that are longer than the context, the screen, or a sheet of paper.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { ask, engineState } from '../../support/harness.mjs';
import { converse, lastRequest, say, shownAnswers, startSite, visitSite } from '../../support/site.mjs';

describe('long chats', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  const notes = (page) => page.$$eval('.assistant .meta', (nodes) => nodes.map((node) => node.textContent ?? ''));

  test('a chat that fills the context continues without its older half, and says so', async (t) => {
    const small = () => Object.assign(/** @type {any} */ (globalThis).info.model, { context_length: 128 });
    const page = await visitSite(t, browser, await startSite(t), { path: '/some/where/?max=64', scripts: [small] });
    // The engine's count decides, with four characters per token.
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      const { postMessage } = window.Worker.prototype;
      window.Worker.prototype.postMessage = function (message) {
        const tokens = Math.ceil(
          (message.request?.messages ?? []).reduce((sum, { content }) => sum + content.length, 0) / 4,
        );
        if (message.type !== 'generate' || tokens < 64) return postMessage.call(this, message);
        window.asked.push({ refused: tokens });
        const error = {
          code: 'context-full',
          message: 'too long',
          details: { prompt_tokens: tokens, context_length: 128 },
        };
        setTimeout(() => this.onmessage({ data: { type: 'error', id: message.id, error } }));
      };
    });
    const question = (no) => `Question ${no}, ${'which is long '.repeat(3)}`.trim();
    await say(page, 'An answer that is as long as most answers are.');
    for (let no = 1; no <= 6; no++) await converse(page, question(no));
    assert.equal((await shownAnswers(page)).length, 6, 'none of them was rejected');
    assert.equal(await page.$eval('#notice', (node) => /** @type {HTMLElement} */ (node).hidden), true);
    const { messages } = await lastRequest(page);
    assert.equal(messages.at(-1).content, question(6));
    const first = Number(/Question (\d)/.exec(messages[0].content)?.[1]);
    assert.ok(first > 1 && first < 6, messages[0].content);
    const said = (await notes(page)).map((note) =>
      /the first (?:(\d+) questions and their answers|question and its answer) (?:was|were) left out/.exec(note),
    );
    assert.equal(said[0], null);
    assert.equal(Number(said[5]?.[1] ?? 1), first - 1, String(await notes(page)));
    // A new chat starts with its whole conversation.
    await page.click('#new-chat');
    await converse(page, 'Hi');
    assert.deepEqual(
      (await lastRequest(page)).messages.map(({ content }) => content),
      ['Hi'],
    );
  });

  describe('the end stays in sight if it was', () => {
    const SIZES = [
      [390, 844],
      [390, 420],
      [844, 390],
      [500, 300],
      [1200, 800],
      [390, 844],
    ];
    const gap = (page) =>
      page.$eval('#scroller', ({ scrollHeight, scrollTop, clientHeight }) =>
        Math.round(scrollHeight - scrollTop - clientHeight),
      );
    const settled = (page) =>
      page.evaluate(
        () =>
          new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 50)))),
      );
    const words = (count) => Array.from({ length: count }, (_, i) => (i % 30 === 29 ? `word${i}.\n\n` : `word${i} `));

    for (const when of ['while an answer is written', 'after it']) {
      test(`a resize ${when}`, async (t) => {
        const page = await visitSite(t, browser, await startSite(t), { viewport: { width: 390, height: 844 } });
        await say(page, ...words(600));
        await converse(page, 'First');
        if (when !== 'after it') {
          await page.evaluate((words) => Object.assign(globalThis, { pause: 4, pieces: () => words }), words(2000));
          await ask(page, 'Second');
          await page.waitForFunction(() =>
            /word50 /.test(document.querySelectorAll('.assistant .text')[1]?.textContent ?? ''),
          );
        }
        for (const [width, height] of SIZES) {
          await page.setViewport({ width, height });
          await settled(page);
          assert.ok((await gap(page)) <= 48, `at ${width} by ${height} the end is ${await gap(page)} px below`);
        }
        // A person who has scrolled up stays there.
        await page.$eval('#scroller', (node) => (node.scrollTop -= 200));
        await settled(page);
        for (const [width, height] of [
          [390, 500],
          [600, 500],
        ]) {
          await page.setViewport({ width, height });
          await settled(page);
          assert.ok((await gap(page)) > 48, `at ${width} by ${height} the page went to its end`);
        }
      });
    }

    test('a person scrolls up, by a line or while text comes', async (t) => {
      const page = await visitSite(t, browser, await startSite(t), { viewport: { width: 390, height: 844 } });
      await say(page, ...words(600));
      await converse(page, 'First');
      for (const [pixels, more] of /** @type {const} */ ([
        [40, ''],
        [200, 'more words '.repeat(500)],
      ])) {
        await page.click('#scroller');
        await page.keyboard.press('End');
        await page.waitForFunction(() => {
          const { scrollHeight, scrollTop, clientHeight } = /** @type {HTMLElement} */ (
            document.querySelector('#scroller')
          );
          return scrollHeight - scrollTop - clientHeight <= 1;
        });
        await settled(page);
        // The text comes before the event that says that the person has scrolled.
        await page.evaluate(
          (pixels, more) => {
            const scroller = /** @type {HTMLElement} */ (document.querySelector('#scroller'));
            scroller.scrollTop -= pixels;
            document.querySelector('.assistant .text')?.append(more);
          },
          pixels,
          more,
        );
        await settled(page);
        assert.ok((await gap(page)) >= 39, `${pixels} px up: the page went to its end`);
      }
    });

    test('the scroll event comes before the resize event', async (t) => {
      const page = await visitSite(t, browser, await startSite(t), { viewport: { width: 844, height: 390 } });
      await say(page, ...words(600));
      await converse(page, 'First');
      // Reading the layout in between moves the page, and its event arrives first.
      await page.evaluate(() => {
        const scroller = /** @type {HTMLElement} */ (document.querySelector('#scroller'));
        addEventListener('resize', () => {
          scroller.scrollTop = scroller.scrollHeight - scroller.clientHeight - 300;
          scroller.dispatchEvent(new Event('scroll'));
        });
      });
      await page.setViewport({ width: 390, height: 844 });
      await settled(page);
      assert.ok((await gap(page)) <= 48, `${await gap(page)} px`);
    });
  });

  test('a chat is printed completely: every turn, collapsed reasoning, wide code and tables', async (t) => {
    const page = await visitSite(t, browser, await startSite(t), { viewport: { width: 390, height: 844 } });
    const lines = (count) =>
      Array.from(
        { length: count },
        (_, i) =>
          `const line${i} = 'a line that is wider than a phone, and wider than a sheet of paper is, too, so ` +
          `that its end would be cut off ${i}';`,
      );
    const rows = Array.from({ length: 60 }, (_, i) => `| row ${i} | ${'a cell of some width '.repeat(4)}| end${i} |`);
    await say(
      page,
      { reasoning: `${'First I think of it. '.repeat(40)}And that was my last thought.` },
      '```js\n',
      lines(80).join('\n'),
      '\n```\n\n| a | b | c |\n|---|---|---|\n',
      rows.join('\n'),
      '\n\nThat was all.',
    );
    for (const question of ['First?', 'Second?', 'Third?']) await converse(page, question);
    assert.equal(await page.$eval('.reasoning', (node) => /** @type {HTMLDetailsElement} */ (node).open), false);

    await page.emulateMediaType('print');
    // A4 in CSS pixels.
    await page.setViewport({ width: 794, height: 1123 });
    const found = await page.evaluate(() => {
      const visible = (node) => node.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true });
      const all = [...document.body.querySelectorAll('*')].filter(visible);
      const clips = (node) =>
        /auto|scroll|hidden|clip/.test(getComputedStyle(node).overflow) && !node.matches('.visually-hidden');
      return {
        cut: all
          .filter(
            (node) =>
              clips(node) && (node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1),
          )
          .map((node) => node.outerHTML.slice(0, 80)),
        wide: all
          .filter((node) => node.getBoundingClientRect().right > 794 + 1)
          .map((node) => node.outerHTML.slice(0, 80)),
        height: document.documentElement.scrollHeight,
        said: /** @type {HTMLElement} */ (document.querySelector('#log')).innerText,
        reasoning: [...document.querySelectorAll('.reasoning-text')].map(
          (node) => node.checkVisibility({ contentVisibilityAuto: true }) && node.getBoundingClientRect().height > 50,
        ),
        pressed: [...document.querySelectorAll('button, textarea, input, a[href]')]
          .filter(visible)
          .map((node) => node.outerHTML.slice(0, 80)),
      };
    });
    assert.deepEqual(found.cut, []);
    assert.deepEqual(found.wide, []);
    assert.deepEqual(found.pressed, []);
    assert.deepEqual(found.reasoning, [true, true, true]);
    for (const text of [
      'You:',
      'First?',
      'Second?',
      'Third?',
      'line79',
      'end59',
      'And that was my last thought.',
      'That was all.',
    ])
      assert.ok(found.said.includes(text), text);
    assert.ok(found.height > 5 * 1123, `${found.height} px`);

    const pages =
      Buffer.from(await page.pdf({ format: 'a4' }))
        .toString('latin1')
        .match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    assert.ok(pages >= Math.floor(found.height / 1123), `${pages} pages of ${found.height} px`);
    // The screen is unchanged.
    await page.emulateMediaType('screen');
    await engineState(page, 'ready');
    assert.equal(await page.$eval('.reasoning', (node) => /** @type {HTMLDetailsElement} */ (node).open), false);
  });
});
