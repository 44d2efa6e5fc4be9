// The Prompt API against the web-platform-tests' expectations (prompt-api-checks.mjs), over an engine that repeats its
// prompt.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { openPage, startServer } from '../../support/harness.mjs';

const script = (name) => readFileSync(join(import.meta.dirname, name));
const names = [...(await namesOf())];

/** The scripts of the checks. */
const SCRIPTS = [
  'prompt-api-checks.mjs',
  'prompt-api-create-checks.mjs',
  'prompt-api-session-checks.mjs',
  'prompt-api-tool-checks.mjs',
  'prompt-api-expect.mjs',
];

/** The page installs the API as a site does. `another()` returns a class whose model is not loaded. */
const PAGE = `import { installLanguageModel, languageModel } from '/linnet/prompt-api.js';
  await installLanguageModel();
  window.another = () => languageModel();
  window.checks = (await import('/prompt-api-checks.mjs')).checks;
  window.installed = true;`;

/**
 * An engine that repeats its prompt. Each word is a token, and each message has one more. After a question that begins
 * with "CALL" it calls all tools, each with the argument `at: 5`. An answer with a form is the JSON of a rating, or a
 * word; schemas of the type "soup" are refused.
 */
function echo() {
  const window = /** @type {any} */ (globalThis);
  const words = (text) => text.split(/\s+/).filter(Boolean);
  window.tokens = ({ messages }) => messages.reduce((sum, { content }) => sum + words(content ?? '').length + 1, 0);
  const callsOf = (tools) =>
    tools.flatMap(({ function: { name } }, index) => [
      { tool_calls: [{ index, id: `call_${index}`, name, arguments: '' }] },
      { tool_calls: [{ index, arguments: '{"at":' }] },
      { tool_calls: [{ index, arguments: '5}' }] },
    ]);
  window.refusal = ({ response_format: format }) =>
    format?.json_schema.schema.type === 'soup' && { code: 'bad-constraint', message: 'no', details: {} };
  window.pieces = ({ messages, tools, response_format: format, regex }) => {
    if (format) return ['{"Rating":', ' 4', '}'];
    if (regex) return ['heron'];
    const last = messages.at(-1);
    if (tools && last.role === 'user' && last.content.startsWith('CALL'))
      return [{ reasoning: 'Hm.' }, 'I ', 'call.', ...callsOf(tools)];
    const room = window.info.model.context_length - window.tokens({ messages });
    const answer = ['You', 'said:', ...words(messages.map(({ content }) => content).join(' '))].slice(
      0,
      Math.max(1, room - 1),
    );
    return [...answer.map((word, i) => (i === 0 ? word : ` ${word}`)), ''];
  };
}

describe('the Prompt API, as in the web-platform-tests', { timeout: 300_000 }, () => {
  let browser;
  let server;
  let page;
  before(async () => {
    browser = await chromium({ webgpu: false, args: ['--js-flags=--expose-gc'] });
    const html =
      '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/page.mjs"></script>';
    const scripts = Object.fromEntries(SCRIPTS.map((name) => [`/${name}`, script(name)]));
    server = await startServer({
      files: { '/page.html': Buffer.from(html), '/page.mjs': Buffer.from(PAGE), ...scripts },
    });
    page = await openPage(browser, 'about:blank');
    await page.evaluateOnNewDocument(fakeWorker);
    await page.evaluateOnNewDocument(echo);
    await page.goto(`${server.origin}/page.html`);
    await page.waitForFunction('window.installed');
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  for (const name of names) {
    test(name, async () => {
      const failure = await page.evaluate(async (name) => {
        try {
          await /** @type {any} */ (globalThis).checks[name]();
          return undefined;
        } catch (/** @type {any} */ error) {
          return `${error.message}\n${error.stack}`;
        }
      }, name);
      assert.equal(failure, undefined);
    });
  }
});

/** The names of the checks. They only run in a page. */
async function namesOf() {
  const { checks } = await import('./prompt-api-checks.mjs');
  return Object.keys(checks);
}
