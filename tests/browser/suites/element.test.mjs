// <linnet-chat> as a person meets it, with a made-up model behind it: what it loads, what it shows, what it refuses to do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { chromium } from '../engines.mjs';
import { MODEL_BYTES, MODEL_ID, noModel, openPage, packageFile, startServer, STRICT_CSP } from '../harness.mjs';
import { HOSTILE } from '../hostile.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Puts the engine of `/fake.mjs` into each chat of the page before it is opened. */
const FAKE = `
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  window.asked = [];
  window.contextLength = 4096;
  window.pieces = (request) => ['You said: ', request.messages.at(-1).content];
  window.pause = 0;
  const completions = {
    async *create(request) {
      window.asked.push(request.messages);
      const tokens = Math.ceil(request.messages.reduce((sum, { content }) => sum + content.length, 0) / 2);
      if (tokens >= window.contextLength) {
        const { LinnetError } = await import('/linnet/index.js');
        throw new LinnetError('context-full', 'too long', { prompt_tokens: tokens, context_length: window.contextLength });
      }
      for (const piece of window.pieces(request)) {
        if (window.pause) await wait(window.pause);
        if (request.signal.aborted) {
          const { LinnetError } = await import('/linnet/index.js');
          throw new LinnetError('aborted', 'stopped');
        }
        yield { choices: [{ delta: { content: piece }, finish_reason: null }] };
      }
      yield { choices: [{ delta: {}, finish_reason: 'stop' }], usage: { prompt_tokens: tokens } };
    },
  };
  const engine = { info: () => ({ model: { name: 'Parrot 1B', context_length: window.contextLength } }), chat: { completions } };
  for (const chat of document.querySelectorAll('linnet-chat:not([real])')) chat.engine = engine;
  window.events = [];
  for (const name of ['open', 'close', 'consent', 'ready', 'question', 'answer', 'error', 'clear']) {
    document.addEventListener('linnet-' + name, ({ detail }) => window.events.push({ ...detail, name }));
  }
`;

const html = (body, head = '') =>
  Buffer.from(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A shop</title>${head}<script type="module" src="/linnet/element.js"></script><script type="module" src="/fake.mjs"></script>
<body><main><h1>A shop</h1><p>Things of all kinds.</p>${body}</main></body></html>`);

const inChat = (selector) => `linnet-chat >>> ${selector}`;
/** A part of the first chat, once it can be seen. (Puppeteer's own wait does not notice what changes inside a shadow tree.) */
async function part(page, selector) {
  const seen = (selector) => [...document.querySelectorAll('linnet-chat')].some((chat) => chat.shadowRoot?.querySelector(selector)?.checkVisibility());
  await page.waitForFunction(seen, { timeout: 120_000 }, selector);
  return /** @type {import('puppeteer-core').ElementHandle<HTMLElement>} */ (await page.$(inChat(selector)));
}
/** Asks in the chat and waits until the answer is complete. */
async function ask(page, question) {
  await (await part(page, '.input')).type(question);
  await page.keyboard.press('Enter');
  await answered(page);
}
const answered = (page) =>
  page.waitForFunction(() => {
    const { shadowRoot } = /** @type {Element} */ (document.querySelector('linnet-chat'));
    return shadowRoot?.querySelector('.answer') && !shadowRoot.querySelector('.writing') && !(/** @type {HTMLElement} */ (shadowRoot.querySelector('.send')).hidden);
  });
/** A function of the chat's shadow tree, run in the page. */
const within = (page, look, ...args) =>
  page.evaluate(`(${look})(document.querySelector('linnet-chat').shadowRoot, ...${JSON.stringify(args)})`);
const bodyText = (page) => within(page, (root) => root.querySelector('.answer:last-child .body').innerText);

describe('the chat element', { timeout: 900_000 }, () => {
  let browser;
  let server;
  const open = async (t, path, viewport) => {
    const page = await openPage(browser, server.origin + path, viewport);
    t.after(() => page.close());
    // A page behind another one, which may not have closed yet, draws nothing, and waits that look at each picture never end.
    await page.bringToFront();
    return page;
  };
  before(async () => {
    browser = await chromium({ webgpu: false });
    const inline = '<linnet-chat mode="inline" heading="Ask the shop" greeting="Hello! What are you looking for?" suggestions="Do you ship to Norway?|What is new?"></linnet-chat>';
    server = await startServer({
      csp: STRICT_CSP,
      files: {
        '/fake.mjs': Buffer.from(FAKE),
        '/button.html': html('<linnet-chat heading="Ask the shop" greeting="Hello! What are you looking for?" suggestions="Do you ship to Norway?|What is new?"></linnet-chat>'),
        '/inline.html': html(inline),
        '/rtl.html': Buffer.from(String(html(inline)).replace('<html lang="en">', '<html lang="ar" dir="rtl">')),
        '/real.html': html(`<linnet-chat real model="${MODEL_ID}" model-base="/models/" backend="cpu" context-length="512" max-tokens="12" temperature="0"></linnet-chat>`),
        '/two.html': html(`<linnet-chat real mode="inline" heading="One" model-base="/models/" backend="cpu" context-length="512" max-tokens="8"></linnet-chat>
          <linnet-chat real mode="inline" heading="Two" model-base="/models/" backend="cpu" context-length="512" max-tokens="8"></linnet-chat>`),
        '/context.html': html(`<linnet-chat mode="inline" system="Be brief."><script type="text/plain">${'We sell bread. '.repeat(400)}</script></linnet-chat>`),
        '/frame.html': html('<iframe src="/inline.html" width="360" height="640" title="Chat"></iframe>'),
      },
    });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('before it is opened it is a button of at most 12 KB, and nothing else', async (t) => {
    server.requests.length = 0;
    const page = await open(t, '/real.html');
    await part(page, '.launcher');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const loaded = server.requests.map(({ path }) => path).filter((path) => path.startsWith('/linnet/') || path.endsWith('.gguf'));
    assert.deepEqual(loaded, ['/linnet/element.js']);
    const size = brotliCompressSync(readFileSync(packageFile('element.js'))).length;
    t.diagnostic(`element.js: ${size} bytes, brotli; behind the button ${['element/view.js', 'markdown.js'].reduce((sum, name) => sum + brotliCompressSync(readFileSync(packageFile(name))).length, 0)}`);
    assert.ok(size <= 12_000, `${size} bytes`);
  });

  test('opened, it asks before it downloads, and says how much', async (t) => {
    server.requests.length = 0;
    const page = await open(t, '/real.html');
    await page.click(inChat('.launcher'));
    const text = await part(page, '[data-state=consent]').then((node) => node.evaluate((node) => node.textContent));
    assert.match(text ?? '', new RegExp(`SmolLM2 135M Instruct .* ${(MODEL_BYTES / 1e6).toFixed(1)} MB`));
    const fetched = server.requests.filter(({ path }) => /\.(wasm|gguf)$|worker/.test(path));
    assert.deepEqual(fetched, []);
  });

  test('a person agrees, asks a real model, and is not asked again after a reload', { skip: noModel }, async (t) => {
    const page = await open(t, '/real.html');
    await page.click(inChat('.launcher'));
    await (await part(page, '.accept')).click();
    await ask(page, 'What is the capital of France?');
    assert.match(await bodyText(page), /Paris/);
    assert.match(await within(page, (root) => root.querySelector('.by').textContent), /On this device · \S/);
    await page.reload();
    await page.click(inChat('.launcher'));
    await part(page, '.by[data-by=device]');
    assert.equal(await within(page, (root) => root.querySelector('[data-state=consent]')), null);
  });

  test('two elements share one engine', { skip: noModel }, async (t) => {
    const context = await browser.createBrowserContext();
    t.after(() => context.close());
    const page = await openPage(context, `${server.origin}/two.html`);
    server.requests.length = 0;
    // Not by the mouse: the first one grows as it opens, and the second one's button moves away.
    for (const button of await page.$$('linnet-chat >>> .launcher')) await button.evaluate((button) => /** @type {HTMLElement} */ (button).click());
    await (await part(page, '.accept')).click();
    await page.waitForFunction(() => [...document.querySelectorAll('linnet-chat')].every((chat) => chat.shadowRoot?.querySelector('.by[data-by=device]')), { timeout: 120_000 });
    assert.equal(page.workers().filter((worker) => worker.url().endsWith('/worker.js')).length, 1);
    const starts = server.requests.filter(({ path, range }) => path.endsWith('.gguf') && (!range || range.startsWith('bytes=0-')));
    assert.equal(starts.length, 1);
    // Both may ask at once: the engine answers one after the other.
    const answers = await page.evaluate(async () => {
      const chats = /** @type {any[]} */ ([...document.querySelectorAll('linnet-chat')]);
      await Promise.all(chats.map((chat) => chat.ask('Say hello.')));
      return chats.map((chat) => chat.shadowRoot.querySelector('.answer .body').textContent.length);
    });
    assert.ok(answers.every((length) => length > 0), String(answers));
    // One may go; the other still answers.
    const after = await page.evaluate(async () => {
      const [one, two] = /** @type {any[]} */ ([...document.querySelectorAll('linnet-chat')]);
      one.remove();
      await two.ask('And again.');
      return two.shadowRoot.querySelectorAll('.answer').length;
    });
    assert.equal(after, 2);
  });

  test('what a model writes in Markdown is shown so, block by block', async (t) => {
    const page = await open(t, '/inline.html');
    await page.click(inChat('.launcher'));
    const text = '# Bread\n\nWe have **rye** and *spelt* at `2 €`:\n\n1. one\n2. two\n   - inner\n\n| kind | price |\n|:--|--:|\n| rye | 2 &euro; |\n\n```js\nlet a = "<b>";\n```\n\nSee [the shop](https://shop.example/a?b=1) &amp; more.';
    await page.evaluate((text) => Object.assign(window, { pieces: () => text.match(/[^]{1,5}/g), pause: 4 }), text);
    const kept = page.evaluate(async () => {
      const root = /** @type {any} */ (document.querySelector('linnet-chat')).shadowRoot;
      while (!root.querySelector('.body ol')) await new Promise((resolve) => setTimeout(resolve, 5));
      const heading = root.querySelector('.body h3');
      while (root.querySelector('.writing')) await new Promise((resolve) => setTimeout(resolve, 5));
      return heading === root.querySelector('.body h3');
    });
    await ask(page, 'What do you have?');
    assert.ok(await kept, 'a block that is complete is left alone');
    const found = await within(page, (root) => {
      const texts = (selector) => [...root.querySelectorAll(`.body ${selector}`)].map((node) => node.textContent);
      const link = root.querySelector('.body a');
      return {
        heading: texts('h3'), strong: texts('strong'), em: texts('em'), inlineCode: texts('p code'), items: texts('ol > li').length, inner: texts('li li'), cells: texts('td'),
        code: texts('pre'), link: { href: link.href, rel: link.rel, target: link.target }, last: texts('p').at(-1),
      };
    });
    assert.deepEqual(found, {
      heading: ['Bread'], strong: ['rye'], em: ['spelt'], inlineCode: ['2 €'], items: 2, inner: ['inner'], cells: ['rye', '2 €'], code: ['let a = "<b>";'],
      link: { href: 'https://shop.example/a?b=1', rel: 'noopener noreferrer nofollow ugc', target: '_blank' }, last: 'See the shop & more.',
    });
  });

  test('hostile text is text: nothing runs, nothing loads, the layout holds', async (t) => {
    const page = await open(t, '/inline.html', { width: 360, height: 640 });
    await page.evaluate(() => Object.assign(window, { ran: [], violations: [] }));
    await page.evaluate(() => document.addEventListener('securitypolicyviolation', (event) => /** @type {any} */ (globalThis).violations.push(event.blockedURI)));
    await page.click(inChat('.launcher'));
    await part(page, '.input');
    server.requests.length = 0;
    await page.evaluate((text) => Object.assign(window, { pieces: () => text.match(/[^]{1,400}/g), pause: 1 }), HOSTILE);
    await ask(page, '<img src=x onerror=ran.push(0)> \u202eab');
    const state = await within(page, (root) => {
      const links = [...root.querySelectorAll('.body a')].map((link) => link.href);
      const strange = [...root.querySelectorAll('.body *')].map((node) => node.localName).filter((name) => !/^(p|h3|ul|ol|li|a|strong|em|del|br|hr|code|pre|div|span|button|svg|path|table|thead|tbody|tr|th|td|blockquote)$/.test(name));
      const attributes = [...root.querySelectorAll('.body *')].flatMap((node) => node.getAttributeNames()).filter((name) => /^on|^style$|^src/.test(name));
      const panel = root.querySelector('.panel').getBoundingClientRect();
      const outside = ['.header', '.composer', '.body'].filter((selector) => root.querySelector(selector).getBoundingClientRect().right > panel.right + 1);
      return { ran: globalThis.ran, violations: globalThis.violations, links, strange, attributes, outside, wide: document.documentElement.scrollWidth > innerWidth, turned: /[\u202a-\u202e]/.test(root.querySelector('.body').textContent), code: root.querySelector('.body pre:last-of-type') !== null };
    });
    assert.deepEqual(state, { ran: [], violations: [], links: ['https://evil.example/i.png'], strange: [], attributes: [], outside: [], wide: false, turned: false, code: true });
    assert.deepEqual(server.requests, []);
    // The chat is as good as before.
    await page.evaluate(() => Object.assign(window, { pieces: () => ['Fine.'] }));
    await ask(page, 'Still there?');
    assert.match(await bodyText(page), /Fine\./);
  });

  test('no task takes long while an answer streams fast', async (t) => {
    const page = await open(t, '/inline.html');
    await page.click(inChat('.launcher'));
    await part(page, '.input');
    // The parser is made ready in the background.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await page.evaluate(() => {
      const paragraph = 'Some **bold** words, `code`, and [a link](https://a.example) in a line that goes on for a while.\n';
      const table = `| a | b | c |\n|---|---|---|\n${'| one | two **x** | three `y` |\n'.repeat(120)}`;
      const code = `\`\`\`js\n${'const answer = 42; // and more\n'.repeat(150)}\`\`\`\n\n`;
      const text = `${paragraph.repeat(40)}\n${`- ${paragraph}`.repeat(60)}\n${table}\n${code}${`${paragraph}\n`.repeat(40)}`;
      Object.assign(window, { pieces: () => text.match(/[^]{1,24}/g), pause: 1 });
    });
    const measure = async () => {
      await page.tracing.start({ categories: ['toplevel', 'blink.user_timing'] });
      await page.evaluate(() => performance.mark('here'));
      await page.evaluate(async () => {
        const chat = /** @type {any} */ (document.querySelector('linnet-chat'));
        chat.clear();
        await chat.ask('Write a lot.');
      });
      const { traceEvents } = JSON.parse(new TextDecoder().decode(await page.tracing.stop()));
      const { pid, tid } = traceEvents.find(({ name }) => name === 'here');
      // The time that the processor has worked for the task: the machine may have other things to do, too.
      const tasks = traceEvents.filter((event) => event.pid === pid && event.tid === tid && event.ph === 'X' && /RunTask$/.test(event.name)).map(({ tdur }) => tdur / 1000);
      assert.ok(tasks.length > 100, `${tasks.length} tasks`);
      const longest = tasks.sort((a, b) => b - a).slice(0, 5);
      t.diagnostic(`the longest of ${tasks.length} tasks: ${longest.map((ms) => ms.toFixed(1)).join(', ')} ms`);
      return longest[0];
    };
    // 12.5 ms would be 50 on a processor that is four times slower: the aim. The best of a few tries was 8 to 17 ms, by the machine
    // and what else it did; more than 25 would be another fault than its.
    let longest = await measure();
    for (let tries = 1; longest > 12.5 && tries < 6; tries++) longest = Math.min(longest, await measure());
    assert.ok(longest <= 25, `${longest} ms`);
    // Long lists, tables and blocks of code are shown in parts, which belong together.
    const found = await within(page, (root) => {
      const count = (selector) => root.querySelectorAll(`.body ${selector}`).length;
      return { lists: count('ul'), items: count('li'), tables: count('table'), rows: count('tbody tr'), codes: count('pre'), code: root.querySelector('.body pre').textContent.trim().split('\n').length };
    });
    assert.deepEqual(found, { lists: 1, items: 60, tables: 1, rows: 120, codes: 1, code: 150 });
  });

  test('it can be used by keyboard alone', async (t) => {
    const page = await open(t, '/button.html');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await part(page, '.input:focus');
    await page.keyboard.type('Hello');
    await page.keyboard.press('Enter');
    await answered(page);
    assert.match(await bodyText(page), /You said: Hello/);
    const said = await within(page, (root) => root.querySelector('[aria-live=polite]').textContent);
    assert.match(said, /You said: Hello/);
    // Backwards from the composer: answer again, copy, the log, new conversation, close.
    const names = [];
    for (let i = 0; i < 5; i++) {
      await page.keyboard.down('Shift');
      await page.keyboard.press('Tab');
      await page.keyboard.up('Shift');
      names.push(await within(page, (root) => root.activeElement?.getAttribute('aria-label')));
    }
    assert.deepEqual(names, ['Answer again', 'Copy', 'Conversation', 'Close chat', 'New conversation']);
    await page.keyboard.press('Escape');
    assert.equal(await within(page, (root) => root.activeElement?.className), 'launcher');
    assert.equal(await page.$eval('linnet-chat', (chat) => chat.hasAttribute('open')), false);
  });

  test('stop, answer again, new conversation, and the events of all that', async (t) => {
    const page = await open(t, '/button.html');
    await page.click(inChat('.launcher'));
    await page.evaluate(() => Object.assign(window, { pause: 20, pieces: () => Array.from({ length: 500 }, (_, i) => `word${i} `) }));
    await (await part(page, '.input')).type('Go');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /word5/.test(document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.body')?.textContent ?? ''));
    await page.click(inChat('.stop'));
    await answered(page);
    assert.match(await within(page, (root) => root.querySelector('.answer .meta').textContent), /Stopped/);
    await page.evaluate(() => Object.assign(window, { pause: 0, pieces: () => ['Second.'] }));
    await page.click(inChat('[aria-label="Answer again"]'));
    await page.waitForFunction(() => document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.body')?.textContent === 'Second.');
    await answered(page);
    // An answer that is given again is not in the conversation twice.
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).asked.at(-1).map(({ content }) => content)), ['Go']);
    await page.click(inChat('[aria-label="New conversation"]'));
    assert.equal(await within(page, (root) => root.querySelectorAll('.message').length), 0);
    assert.equal(await within(page, (root) => root.querySelector('.suggestions').hidden), false);
    await page.click(inChat('[aria-label="Close chat"]'));
    const events = await page.evaluate(() => /** @type {any} */ (globalThis).events.map(({ name, finishReason }) => finishReason ?? name));
    assert.deepEqual(events, ['ready', 'open', 'question', 'stopped', 'stop', 'clear', 'close']);
  });

  test('what the model knows of the site, and the conversation, are kept within its context', async (t) => {
    const page = await open(t, '/context.html');
    await page.evaluate(() => Object.assign(window, { contextLength: 1000, pieces: () => ['An answer of some length. '.repeat(8)] }));
    await page.click(inChat('.launcher'));
    for (let i = 0; i < 8; i++) await ask(page, `Question ${i}: ${'why '.repeat(20)}`);
    const asked = await page.evaluate(() => /** @type {any} */ (globalThis).asked);
    const last = asked.at(-1);
    assert.match(last[0].content, /^Be brief\.\n\nWe sell bread\./);
    assert.match(last.at(-1).content, /^Question 7/);
    const sizes = asked.map((messages) => messages.reduce((sum, { content }) => sum + content.length, 0));
    // Two characters are one token here, and half of the context is for the answer.
    assert.ok(Math.max(...sizes.slice(1)) <= 1000, String(sizes));
    assert.ok(last.length > 3 && !last.some(({ content }) => content.startsWith('Question 0')), 'the oldest are left out');
    assert.equal(asked.length, 8, 'after the first answer it is known what fits');
  });

  test('axe finds nothing, closed and open, by day and by night', async (t) => {
    for (const scheme of ['light', 'dark']) {
      for (const path of ['/button.html', '/inline.html', '/real.html']) {
        const page = await open(t, path);
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
        await part(page, '.launcher');
        const violations = async (when) => {
          await page.evaluate(AXE);
          const found = await page.evaluate(async () => {
            const { violations } = await /** @type {any} */ (globalThis).axe.run(document, { resultTypes: ['violations'] });
            return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`);
          });
          assert.deepEqual(found, [], `${scheme} ${path} ${when}`);
        };
        await violations('closed');
        await page.click(inChat('.launcher'));
        await part(page, '.composer');
        await violations('open');
        if (path === '/real.html') continue;
        const text = '## Kinds\n\n- [rye](https://a.example)\n- `spelt`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nlet a;\n```\n\n> quoted';
        await page.evaluate((text) => Object.assign(window, { pieces: () => [text] }), text);
        await ask(page, 'What do you have?');
        await violations('answered');
      }
    }
  });

  test('on a phone it has the whole screen, and right to left it is mirrored', async (t) => {
    const page = await open(t, '/button.html', { width: 360, height: 640, hasTouch: true, isMobile: true });
    await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    await page.tap(inChat('.launcher'));
    await part(page, '.suggestion');
    await page.tap(inChat('.suggestion'));
    await answered(page);
    const [panel, small] = await within(page, (root) => {
      const { x, y, width, height } = root.querySelector('.panel').getBoundingClientRect();
      const targets = [...root.querySelectorAll('.panel button')].filter((node) => node.checkVisibility());
      const small = targets.filter((node) => node.getBoundingClientRect().height < 44 || node.getBoundingClientRect().right > innerWidth);
      return [[x, y, width, height].map(Math.round), small.map((node) => node.outerHTML)];
    });
    assert.deepEqual(panel, [0, 0, 360, 640]);
    assert.deepEqual(small, []);

    const other = await open(t, '/rtl.html', { width: 360, height: 640 });
    await other.click(inChat('.launcher'));
    await part(other, '.input');
    await ask(other, 'مرحبا');
    const [question, panelBox, wide] = await within(other, (root) => {
      const box = (selector) => root.querySelector(selector).getBoundingClientRect();
      return [box('.question .text').left, box('.panel').left, document.documentElement.scrollWidth > innerWidth];
    });
    assert.ok(question - panelBox < 60, 'what the person says stands at the end of the line');
    assert.equal(wide, false);
  });

  test('in a frame it is the same', async (t) => {
    const page = await open(t, '/frame.html');
    const frame = await (await page.waitForSelector('iframe'))?.contentFrame();
    assert.ok(frame);
    await (await part(frame, '.launcher')).click();
    await part(frame, '.input');
    await frame.type(inChat('.input'), 'Hello');
    await page.keyboard.press('Enter');
    await frame.waitForFunction(() => /You said: Hello/.test(document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.body')?.textContent ?? ''));
  });

  test('a site’s server answers where the device cannot, and the person is told', async (t) => {
    const bodies = [];
    const api = createServer(async (request, response) => {
      const headers = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
      if (request.method === 'OPTIONS') return response.writeHead(204, headers).end();
      let body = '';
      for await (const chunk of request) body += chunk;
      bodies.push({ path: request.url, ...JSON.parse(body) });
      response.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream' });
      for (const content of ['From ', 'the **server**.']) response.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`);
      response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    });
    await new Promise((resolve) => api.listen(0, '127.0.0.1', () => resolve(undefined)));
    t.after(() => api.close());
    const { port } = /** @type {import('node:net').AddressInfo} */ (api.address());
    const site = await startServer({
      csp: `${STRICT_CSP} http://127.0.0.1:${port}`,
      files: {
        '/fake.mjs': Buffer.from(FAKE),
        '/served.html': html(`<linnet-chat real model="/nothing.gguf" backend="cpu" endpoint="http://127.0.0.1:${port}/v1" endpoint-model="big" system="Be kind."></linnet-chat>`),
        '/alone.html': html('<linnet-chat real model="/nothing.gguf" backend="cpu"></linnet-chat>'),
      },
    });
    t.after(() => site.close());
    const page = await openPage(browser, `${site.origin}/served.html`);
    t.after(() => page.close());
    await page.click(inChat('.launcher'));
    await part(page, '[data-state=consent]');
    assert.equal(bodies.length, 0);
    assert.match(await within(page, (root) => root.querySelector('.loading').textContent), new RegExp(`127\\.0\\.0\\.1:${port} answers instead`));
    await (await part(page, '.input')).type('Who are you?');
    await page.keyboard.press('Enter');
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(bodies.length, 0, 'the question waits for the consent');
    await page.click(inChat('.accept'));
    await answered(page);
    assert.match(await bodyText(page), /From the server\./);
    assert.match(await within(page, (root) => root.querySelector('.notice').textContent), /cannot run the model.*is sent there/);
    assert.match(await within(page, (root) => root.querySelector('.by').textContent), new RegExp(`Answered by 127\\.0\\.0\\.1:${port}`));
    assert.deepEqual(bodies.map(({ path, model, messages, stream }) => ({ path, model, messages, stream })), [
      { path: '/v1/chat/completions', model: 'big', stream: true, messages: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'Who are you?' }] },
    ]);

    // Without the site's word nothing is sent anywhere: the failure is shown, with a way to try again.
    const alone = await openPage(browser, `${site.origin}/alone.html`);
    t.after(() => alone.close());
    await alone.click(inChat('.launcher'));
    await (await part(alone, '.accept')).click();
    await part(alone, '.notice[data-kind="not-found"] .again');
    // A question for which there is no model goes back into the box.
    await (await part(alone, '.input')).type('Hello?');
    await alone.keyboard.press('Enter');
    await alone.waitForFunction(() => {
      const root = document.querySelector('linnet-chat')?.shadowRoot;
      return root?.querySelector('textarea')?.value === 'Hello?' && !root.querySelector('.message') && root.querySelector('.notice')?.checkVisibility();
    });
    assert.equal(bodies.length, 1);

    // A server that does not answer is named.
    api.close();
    api.closeAllConnections();
    await page.bringToFront();
    await (await part(page, '.input')).type('Still there?');
    await page.keyboard.press('Enter');
    await part(page, '.notice .again');
    assert.match(await within(page, (root) => root.querySelector('.notice').textContent), new RegExp(`127\\.0\\.0\\.1:${port} did not answer`));
  });
});
