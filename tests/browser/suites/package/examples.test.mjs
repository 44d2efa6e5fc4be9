// The examples of the package, run as a person would: installed, built if needed, opened and used.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { modelFolder, noModel, openPage, packageSource, press } from '../../support/harness.mjs';
import { node, Projects, tool } from '../../support/project.mjs';
import { serve } from '../../support/server.mjs';

const FOLDER = join(packageSource, 'examples');
const EXAMPLES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const MOST_LINES = 60;
/** An answer, which is sampled, so that its words are not known; not progress or an error. */
const ANSWER = /^(?!\w+: \d+ of |\w*Error: )[^]{20}/;

describe('the examples', { timeout: 600_000 }, () => {
  /** @type {Projects} */
  let projects;
  let browser;
  before(async () => {
    projects = new Projects();
    browser = await chromium({ webgpu: false });
  });
  after(async () => {
    await browser?.close();
    projects?.remove();
  });

  /** Opens an example in a page, with the model next to it. */
  async function open(t, name, borrowed = []) {
    let root = projects.copy(name, join(FOLDER, name), borrowed);
    const { scripts } = JSON.parse(readFileSync(join(FOLDER, name, 'package.json'), 'utf8'));
    if (scripts?.build) {
      assert.equal(scripts.build, 'vite build');
      node([tool('vite', 'bin/vite.js'), 'build', '--logLevel=error'], root);
      root = join(root, 'dist');
    }
    const server = await serve({ isolated: true, mounts: { '/': `${root}/`, '/models/': `${modelFolder}/` } });
    t.after(() => server.close());
    const page = await openPage(browser, `${server.origin}/`);
    t.after(() => page.close());
    return page;
  }
  const output = (page) => page.$eval('output', (node) => node.textContent ?? '');
  const enabled = (page, selector) => page.waitForSelector(`${selector}:enabled`, { timeout: 120_000 });

  /** What a person does in each example, and the expected result. */
  const RUNS = {
    async vanilla(t) {
      const page = await open(t, 'vanilla');
      await enabled(page, 'form button:not(#stop)');
      await press(page, 'Ask');
      await page.waitForFunction(() => /\S[^]{9}/.test(document.querySelector('output')?.textContent ?? ''), {
        timeout: 120_000,
      });
      await press(page, 'Stop');
      assert.match(
        await page.$eval('#status', (node) => node.textContent ?? ''),
        /^Ready, on cpu\.$/,
        'a stop is no failure',
      );
    },
    async vite(t) {
      const page = await open(t, 'vite');
      await press(page, 'Write');
      await page.waitForSelector('button:disabled');
      await enabled(page, 'button');
      assert.match(await output(page), /^Once upon a time[^]{40}/);
      assert.equal(await page.$eval('progress', (bar) => bar.value), 1);
    },
    async form(t) {
      const page = await open(t, 'form');
      await enabled(page, 'button');
      await press(page, 'Fill in');
      await page.waitForSelector('button:disabled');
      await enabled(page, 'button');
      assert.equal(await output(page), 'Check it, please.');
      // The values may be wrong, but they must fit the fields.
      assert.equal(await page.$eval('form', (form) => form.checkValidity()), true);
    },
    async element(t) {
      const page = await open(t, 'element');
      await (await page.waitForSelector('linnet-chat >>> .launcher', { visible: true }))?.click();
      await (await page.waitForSelector('linnet-chat >>> .accept', { visible: true }))?.click();
      const input = await page.waitForSelector('linnet-chat >>> .input', { visible: true, timeout: 120_000 });
      const answered = page.evaluate(
        () =>
          new Promise((resolve) =>
            document.addEventListener('linnet-answer', (event) => resolve(/** @type {any} */ (event).detail)),
          ),
      );
      await input?.type('When are you open?\n');
      const { question, answer, by } = await answered;
      assert.deepEqual([question, by, answer.length > 10], ['When are you open?', 'device', true], answer);
    },
    async 'prompt-api'(t) {
      const page = await open(t, 'prompt-api');
      await page.waitForFunction('"LanguageModel" in window');
      await press(page, 'Why is the sky blue?');
      await page.waitForSelector('button:disabled');
      await enabled(page, 'button');
      assert.match(await output(page), ANSWER);
    },
    async 'ai-sdk'(t) {
      const page = await open(t, 'ai-sdk', ['ai']);
      await press(page, 'Why is the sky blue?');
      await page.waitForFunction(
        (answer) => new RegExp(answer).test(document.querySelector('output')?.textContent ?? ''),
        { timeout: 120_000 },
        ANSWER.source,
      );
      await press(page, 'Stop');
    },
    async suggestions(t) {
      const page = await open(t, 'suggestions');
      const text = await enabled(page, 'textarea');
      await text?.type('Thank you very m');
      await press(page, 'much');
      assert.equal(await page.$eval('textarea', (node) => node.value), 'Thank you very much ');
    },
  };

  for (const name of EXAMPLES) {
    test(`${name} is small and explained`, () => {
      for (const file of readdirSync(join(FOLDER, name)).filter((file) => /\.(html|js|ts|json)$/.test(file))) {
        const lines = readFileSync(join(FOLDER, name, file), 'utf8')
          .trimEnd()
          .split('\n').length;
        assert.ok(lines <= MOST_LINES, `${file} has ${lines} lines`);
      }
      assert.ok(existsSync(join(FOLDER, name, 'index.html')));
      assert.ok(readFileSync(join(FOLDER, 'README.md'), 'utf8').includes(`](${name})`));
    });
    test(name, { skip: noModel }, async (t) => {
      assert.ok(RUNS[name], 'RUNS has a test of the example');
      await RUNS[name](t);
    });
  }
});
