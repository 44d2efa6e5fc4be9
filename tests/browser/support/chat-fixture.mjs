// <linnet-chat> in the pages of a shop, with a fake model.
import { chromium } from './engines.mjs';
import { openPage, startServer, STRICT_CSP } from './harness.mjs';

/**
 * Gives each chat of the page the engine of `/fake.mjs` before it is opened. `pieces(request)` returns the parts of an
 * answer: texts, or `delta`s.
 */
export const FAKE = `
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  window.asked = [];
  window.requests = [];
  window.policies = [];
  window.contextLength = 4096;
  window.pieces = (request) => ['You said: ', request.messages.at(-1).content];
  window.pause = 0;
  const completions = {
    async *create(request) {
      window.asked.push(request.messages);
      window.requests.push(request);
      const { when_hidden, keep_awake, pace } = request;
      window.policies.push({ when_hidden, keep_awake, pace });
      const tokens = Math.ceil(request.messages.reduce((sum, { content }) => sum + (content ?? '').length, 0) / 2);
      if (tokens >= window.contextLength) {
        const { LinnetError } = await import('/linnet/index.js');
        const details = { prompt_tokens: tokens, context_length: window.contextLength };
    throw new LinnetError('context-full', 'too long', details);
      }
      let called = false;
      for (const piece of window.pieces(request)) {
        if (window.pause) await wait(window.pause);
        if (request.signal.aborted) {
          const { LinnetError } = await import('/linnet/index.js');
          throw new LinnetError('aborted', 'stopped');
        }
        called ||= Boolean(piece.tool_calls);
        yield { choices: [{ delta: typeof piece === 'string' ? { content: piece } : piece, finish_reason: null }] };
      }
      const finish_reason = called ? 'tool_calls' : 'stop';
      yield { choices: [{ delta: {}, finish_reason }], usage: { prompt_tokens: tokens } };
    },
  };
  const info = () => ({ model: { name: 'Parrot 1B', context_length: window.contextLength, ...window.model } });
  const engine = { info, chat: { completions } };
  for (const chat of document.querySelectorAll('linnet-chat:not([real])')) chat.engine = engine;
  window.events = [];
  for (const name of ['open', 'close', 'consent', 'ready', 'question', 'tool', 'answer', 'error', 'clear']) {
    document.addEventListener('linnet-' + name, ({ detail }) => window.events.push({ ...detail, name }));
  }
`;

export const html = (body, head = '') =>
  Buffer.from(`<!doctype html><html lang="en"><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
<title>A shop</title>${head}
    <script type="module" src="/linnet/element.js"></script><script type="module" src="/fake.mjs"></script>
<body><main><h1>A shop</h1><p>Things of all kinds.</p>${body}</main></body></html>`);

export const inChat = (selector) => `linnet-chat >>> ${selector}`;
/**
 * A part of the first chat, once it is visible. (Puppeteer's own wait does not notice changes in a shadow tree.)
 */
export async function part(page, selector) {
  const seen = (selector) =>
    [...document.querySelectorAll('linnet-chat')].some((chat) =>
      chat.shadowRoot?.querySelector(selector)?.checkVisibility(),
    );
  await page.waitForFunction(seen, { timeout: 120_000 }, selector);
  return /** @type {import('puppeteer-core').ElementHandle<HTMLElement>} */ (await page.$(inChat(selector)));
}
/** Asks in the chat and waits until the answer is complete. */
export async function ask(page, question) {
  await (await part(page, '.input')).type(question);
  await page.keyboard.press('Enter');
  await answered(page);
}
export const answered = (page) =>
  page.waitForFunction(() => {
    const { shadowRoot } = /** @type {Element} */ (document.querySelector('linnet-chat'));
    return (
      shadowRoot?.querySelector('.answer') &&
      !shadowRoot.querySelector('.writing') &&
      !(/** @type {HTMLElement} */ (shadowRoot.querySelector('.send')).hidden)
    );
  });
/** Runs a function of the chat's shadow root in the page. */
export const within = (page, look, ...args) =>
  page.evaluate(`(${look})(document.querySelector('linnet-chat').shadowRoot, ...${JSON.stringify(args)})`);
export const bodyText = (page) => within(page, (root) => root.querySelector('.answer:last-child .body').innerText);

/** An inline chat with the shop's texts. */
export const INLINE =
  '<linnet-chat mode="inline" heading="Ask the shop" greeting="Hello! What are you looking for?" ' +
  'suggestions="Do you ship to Norway?|What is new?"></linnet-chat>';

/** A browser, and a server of pages with the element. */
export class ChatFixture {
  /**
   * @param {import('puppeteer-core').Browser} browser
   * @param {Awaited<ReturnType<typeof startServer>>} server
   */
  constructor(browser, server) {
    this.browser = browser;
    this.server = server;
  }

  /**
   * @param {Record<string, string | Buffer>} pages
   * @param {string} [api] the origin of a server that the pages may use
   */
  static async open(pages, api = '') {
    const server = await startServer({
      csp: `${STRICT_CSP} ${api}`,
      files: { '/fake.mjs': Buffer.from(FAKE), '/inline.html': html(INLINE), ...pages },
    });
    return new ChatFixture(await chromium({ webgpu: false }), server);
  }

  /** Opens a page, which is closed when the test ends. */
  async visit(t, path, viewport) {
    const page = await openPage(this.browser, this.server.origin + path, viewport);
    t.after(() => page.close());
    // A page that is not in front draws nothing, and waits that check each frame never end. Another page may still be
    // open.
    await page.bringToFront();
    return page;
  }

  async close() {
    await this.browser.close();
    await this.server.close();
  }
}
