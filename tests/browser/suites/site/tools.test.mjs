// The demo site's tools: called, shown, stored, saved and printed; and the switch for reasoning. With a fake model.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { ask, engineState, press } from '../../support/harness.mjs';
import { converse, lastRequest, openMenu, startSite, visitSite } from '../../support/site.mjs';

/** A model that thinks, calls the calculator, and says the result. */
function calculates() {
  const window = /** @type {any} */ (globalThis);
  Object.assign(window.info.model, { reasoning: 'optional', thinks: true, tools: true });
  window.pieces = ({ messages }) => {
    const { role, content } = messages.at(-1);
    if (role === 'tool') return ['It is **', content, '**.'];
    if (content === 'Hi') return ['Hello.'];
    return [
      { reasoning: 'Better not ' },
      { reasoning: 'in my head.' },
      'I calculate it.',
      { tool_calls: [{ index: 0, id: 'call1', name: 'calculator', arguments: '' }] },
      { tool_calls: [{ index: 0, arguments: '{"expression":' }] },
      { tool_calls: [{ index: 0, arguments: '"12.5 * (3 + 4)"}' }] },
    ];
  };
}

describe('tools on the site', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  async function open(t, options = {}) {
    const server = await startSite(t);
    return { server, page: await visitSite(t, browser, server, { scripts: [calculates], ...options }) };
  }
  const shown = (page) =>
    page.$$eval('.assistant:last-child .step', (steps) =>
      steps.map((step) => [
        step.querySelector('.reasoning-text')?.textContent,
        step.querySelector('.text')?.textContent,
        ...[...step.querySelectorAll('.call summary, .call pre')].map((node) => node.textContent),
      ]),
    );
  const CALLED = [
    ['Better not in my head.', 'I calculate it.', 'Used calculator', '{\n  "expression": "12.5 * (3 + 4)"\n}', '87.5'],
    ['', 'It is 87.5.'],
  ];

  test('a call is shown, stored with its result and reasoning, and sent again', async (t) => {
    const { page } = await open(t);
    await converse(page, 'What is 12.5 times 7?');
    assert.deepEqual(await shown(page), CALLED);
    const first = await page.evaluate(() => /** @type {any} */ (globalThis).asked[0]);
    assert.deepEqual(
      first.tools.map((tool) => tool.function.name),
      ['clock', 'calculator'],
    );
    const called = [
      { role: 'user', content: 'What is 12.5 times 7?' },
      {
        role: 'assistant',
        content: 'I calculate it.',
        tool_calls: [
          {
            id: 'call1',
            type: 'function',
            function: { name: 'calculator', arguments: '{"expression":"12.5 * (3 + 4)"}' },
          },
        ],
      },
      { role: 'tool', tool_call_id: 'call1', name: 'calculator', content: '87.5' },
    ];
    await page.reload();
    await engineState(page, 'ready');
    await page.waitForSelector('.call');
    assert.deepEqual(await shown(page), CALLED);
    assert.match(await page.$eval('.reasoning summary', (node) => node.textContent ?? ''), /^Thought for 1 s$/);
    await converse(page, 'Hi');
    assert.deepEqual((await lastRequest(page)).messages, [
      ...called,
      { role: 'assistant', content: 'It is **87.5**.' },
      { role: 'user', content: 'Hi' },
    ]);
  });

  test('a chat is saved and printed with its calls', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'linnet-saved-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const { page } = await open(t);
    const client = await page.createCDPSession();
    await client.send('Browser.setDownloadBehavior', {
      behavior: 'allow',
      downloadPath: folder,
      browserContextId: browser.defaultBrowserContext().id,
    });
    await converse(page, 'Times?');
    await openMenu(page);
    const saved = async (label, name) => {
      await press(page, label);
      // The browser makes the file before it writes it.
      const path = join(folder, name);
      const isWritten = () => existsSync(path) && statSync(path).size > 0;
      for (let i = 0; i < 600 && !isWritten(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
      return readFileSync(path, 'utf8');
    };
    assert.match(
      await saved('Save as Markdown', 'times.md'),
      new RegExp(
        '## Model\n\n> Better not in my head\\.\n\nI calculate it\\.\n\n' +
          'Tool: calculator\n\n```\n\\{.*\\}\n```\n\n```\n87\\.5\n```',
      ),
    );
    const { messages } = JSON.parse(await saved('Save as JSON', 'times.json'));
    assert.deepEqual(
      messages.map(({ role, content }) => [role, content]),
      [
        ['user', 'Times?'],
        ['assistant', 'I calculate it.'],
        ['tool', '87.5'],
        ['assistant', 'It is **87.5**.'],
      ],
    );
    assert.equal(messages[1].tool_calls[0].id, messages[2].tool_call_id);
    await page.keyboard.press('Escape');
    await page.emulateMediaType('print');
    const text = await page.$eval('#log', (node) => /** @type {HTMLElement} */ (node).innerText);
    for (const part of ['Better not in my head.', 'Used calculator', '12.5 * (3 + 4)', '87.5'])
      assert.ok(text.includes(part), part);
  });

  test('tools and reasoning can be switched off, which is kept', async (t) => {
    const { page, server } = await open(t);
    await page.click('#think');
    await openMenu(page);
    await page.click('#settings-button');
    await page.waitForSelector('#settings-dialog[open]');
    await page.click('#settings-clock');
    assert.deepEqual(await violations(page), []);
    await press(page, 'Save');
    await page.keyboard.press('Escape');
    const asked = async (page) => {
      await converse(page, 'Hi');
      const { tools, enable_thinking } = await lastRequest(page);
      return [tools?.map((tool) => tool.function.name), enable_thinking];
    };
    assert.deepEqual(await asked(page), [['calculator'], false]);
    const next = await visitSite(t, browser, server, { scripts: [calculates] });
    assert.equal(await next.$eval('#think', (node) => node.ariaPressed), 'false');
    assert.deepEqual(await asked(next), [['calculator'], false]);
    // A model without tools and reasoning gets neither, unless the person chooses so.
    const plain = await visitSite(t, browser, await startSite(t));
    assert.equal(await plain.$eval('#think', (node) => node.checkVisibility()), false);
    assert.deepEqual(await asked(plain), [undefined, undefined]);
  });

  test('a failing tool is shown, and what the model got', async (t) => {
    const { page } = await open(t);
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      const call = { index: 0, id: 'call1', name: 'calculator', arguments: '{"expression":"1/0"}' };
      window.pieces = ({ messages }) => {
        const { role, content } = messages.at(-1);
        return role === 'tool' ? ['I got: ', content] : content === 'Hi' ? ['Hello.'] : [{ tool_calls: [call] }];
      };
    });
    await converse(page, 'Divide.');
    assert.deepEqual(await shown(page), [
      ['', '', 'calculator failed', '{\n  "expression": "1/0"\n}', 'Error: division by zero'],
      ['', 'I got: Error: division by zero'],
    ]);
    await converse(page, 'Hi');
    assert.deepEqual(
      (await lastRequest(page)).messages.map(({ role }) => role),
      ['user', 'assistant', 'tool', 'assistant', 'user'],
    );
  });

  test('an answer is stopped in the middle of a call', async (t) => {
    const { page } = await open(t);
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      const { pieces } = window;
      window.pieces = function* (request) {
        for (const piece of pieces(request)) {
          yield piece;
          if (piece.tool_calls) window.pause = 3000;
        }
      };
    });
    await ask(page, 'Times?');
    await page.waitForSelector('.call');
    await press(page, 'Stop');
    await page.waitForSelector('#send:not([hidden])');
    assert.equal(await page.$eval('.call', (node) => /** @type {HTMLElement} */ (node).dataset['state']), 'stopped');
    await page.evaluate(() => Object.assign(globalThis, { pause: 0 }));
    await converse(page, 'Hi');
    assert.deepEqual(
      (await lastRequest(page)).messages.map(({ role }) => role),
      ['user', 'assistant', 'tool', 'assistant', 'user'],
    );
  });
});
