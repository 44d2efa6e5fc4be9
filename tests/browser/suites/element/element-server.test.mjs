// <linnet-chat> with a server of the site: nothing is sent before the person agrees.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { openPage, startServer, STRICT_CSP } from '../../support/harness.mjs';
import { answered, ask, bodyText, FAKE, html, inChat, part, within } from '../../support/chat-fixture.mjs';

/** A server with OpenAI's API on its own host. `requests` has every request, including preflights. */
async function startApi() {
  const requests = /** @type {any[]} */ ([]);
  const api = {
    requests,
    redirect: '',
    says: /** @type {[string, string] | undefined} */ (undefined),
    origin: '',
    host: '',
    close: () => void 0,
  };
  const server = createServer(async (request, response) => {
    const headers = {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    };
    if (request.method === 'OPTIONS') {
      requests.push({ method: 'OPTIONS' });
      return response.writeHead(204, headers).end();
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ method: request.method, path: request.url, key: request.headers['x-key'], ...JSON.parse(body) });
    if (api.redirect) return response.writeHead(307, { ...headers, Location: api.redirect }).end();
    if (api.says) return response.writeHead(200, { ...headers, 'Content-Type': api.says[0] }).end(api.says[1]);
    response.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream' });
    for (const content of ['From ', 'the **server**.'])
      response.write(`data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`);
    response.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  api.host = `127.0.0.1:${port}`;
  api.origin = `http://${api.host}`;
  api.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return api;
}
/** The contents of the messages of each request. */
const told = (api) =>
  api.requests.filter(({ method }) => method === 'POST').map(({ messages }) => messages.map(({ content }) => content));

describe('the chat element and a server', { timeout: 600_000 }, () => {
  let browser;
  let api;
  let other;
  let site;
  before(async () => {
    [browser, api, other] = await Promise.all([chromium({ webgpu: false }), startApi(), startApi()]);
    const chat = (attributes) => html(`<linnet-chat system="Be kind." ${attributes}></linnet-chat>`);
    site = await startServer({
      csp: `${STRICT_CSP} ${api.origin} ${other.origin}`,
      files: {
        '/fake.mjs': Buffer.from(FAKE),
        // The model is missing, so loading it fails.
        '/absent.html': chat(
          `real model="/nothing.gguf" backend="cpu" endpoint="${api.origin}/v1" endpoint-model="big"`,
        ),
        // The device answers until the test makes it fail.
        '/device.html': chat(`endpoint="${api.origin}/v1"`),
        '/served.html': chat(`real model="none" endpoint="${api.origin}/v1" suggestions="Who are you?"`),
      },
    });
  });
  after(async () => {
    await browser?.close();
    await site?.close();
    for (const server of [api, other]) server?.close();
  });

  /** A page with an open chat that has the focus. */
  async function visit(t, path, viewport = undefined) {
    for (const server of [api, other]) Object.assign(server, { redirect: '', says: undefined }).requests.length = 0;
    const page = await openPage(browser, site.origin + path, viewport);
    t.after(() => page.close());
    await page.bringToFront();
    await page.$eval('linnet-chat', (chat) => Object.assign(chat, { endpointHeaders: { 'X-Key': 'open' } }));
    await page.click(inChat('.launcher'));
    await part(page, '.input');
    return page;
  }
  const type = async (page, text) => {
    await (await part(page, '.input')).type(text);
    await page.keyboard.press('Enter');
  };
  const fails = (page) =>
    page.evaluate(() =>
      Object.assign(window, {
        pieces: () => {
          throw new Error('The device failed.');
        },
      }),
    );
  const works = (page) =>
    page.evaluate(() => Object.assign(window, { pieces: (request) => ['Device: ', request.messages.at(-1).content] }));
  const question = (page) => part(page, '.send-card').then((node) => node.evaluate((node) => node.textContent));
  const focused = (page) => within(page, (root) => root.activeElement?.className ?? '');
  const metas = (page) => within(page, (root) => [...root.querySelectorAll('.meta')].map((node) => node.textContent));
  /** Waits for a time in which something could be sent. */
  const while_ = () => new Promise((resolve) => setTimeout(resolve, 300));

  test('if the device fails, the person is asked once per conversation before the server is used', async (t) => {
    const page = await visit(t, '/absent.html');
    await part(page, '[data-state=consent]');
    assert.match(
      await within(page, (root) => root.querySelector('.loading').textContent),
      new RegExp(`${api.host} can\\. You are asked before anything is sent`),
    );
    await type(page, 'Who are you?');
    await while_();
    assert.equal(
      await within(page, (root) => root.querySelector('.meta').textContent),
      'This is answered after the model is downloaded.',
    );
    await page.click(inChat('.accept'));
    assert.match(await question(page), new RegExp(`Send this conversation to ${api.host}\\?`));
    assert.equal(await focused(page), 'keep');
    assert.deepEqual(await violations(page), []);
    await while_();
    assert.deepEqual(api.requests, [], 'the server gets no request');
    await page.click(inChat('.agree'));
    await answered(page);
    assert.match(await bodyText(page), /From the server\./);
    assert.match(
      await within(page, (root) => root.querySelector('.notice').textContent),
      new RegExp(`${api.host} answers from now on`),
    );
    assert.equal(await within(page, (root) => root.querySelector('.by').textContent), `Answered by ${api.host}`);
    assert.match(await focused(page), /input/);
    const [{ path, key, model, stream, messages }] = api.requests.filter(({ method }) => method === 'POST');
    assert.deepEqual(
      { path, key, model, stream },
      { path: '/v1/chat/completions', key: 'open', model: 'big', stream: true },
    );
    assert.deepEqual(messages, [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Who are you?' },
    ]);

    await ask(page, 'And then?');
    assert.deepEqual(told(api).at(-1), ['Be kind.', 'Who are you?', 'From the **server**.', 'And then?']);
    // The consent is not valid for another conversation.
    await page.click(inChat('[aria-label="New conversation"]'));
    await type(page, 'Secret');
    await question(page);
    await while_();
    assert.equal(told(api).length, 2);
  });

  test('an unexpected response gives no empty answer; an interrupted one keeps its text', async (t) => {
    const page = await visit(t, '/served.html');
    const owner = /** @type {string[]} */ ([]);
    page.on('console', (message) => void (message.text().startsWith('<linnet-chat>') && owner.push(message.text())));
    api.says = ['text/html', '<!doctype html><p>An app'];
    await type(page, 'Hello?');
    await part(page, '.notice .again');
    const state = () =>
      within(page, (root) => [
        root.querySelectorAll('.answer').length,
        root.querySelector('.notice p').textContent,
        root.querySelector('[aria-live=polite]').textContent,
      ]);
    assert.deepEqual(await state(), [0, `${api.host} did not answer. Try again later.`, '']);
    assert.match(owner.join(), /answered with a web page \(text\/html\), but must answer with an event stream/);
    api.says = ['text/event-stream', 'data: {"choices":[{"delta":{"content":"Half an"}}]}\n\n'];
    await page.click(inChat('.again'));
    await page.waitForFunction(() =>
      document
        .querySelector('linnet-chat')
        ?.shadowRoot?.querySelector('.answer .meta')
        ?.textContent?.includes('Cut off here'),
    );
    assert.deepEqual(await state(), [1, `The answer from ${api.host} stopped before its end. Try again.`, '']);
    assert.match(await bodyText(page), /Half an/);
    api.says = [
      'application/json',
      JSON.stringify({ choices: [{ message: { content: 'Whole.' }, finish_reason: 'stop' }] }),
    ];
    await page.click(inChat('.again'));
    await answered(page);
    assert.match(await bodyText(page), /Whole\./);
  });

  test('what was written while the device answered is not sent unless the person agrees', async (t) => {
    const page = await visit(t, '/device.html');
    assert.match(
      await within(page, (root) => root.querySelector('.privacy').textContent),
      new RegExp(`${api.host} can\\. You are asked before`),
    );
    await works(page);
    await ask(page, 'One');
    assert.deepEqual(await metas(page), ['On this device']);
    await fails(page);
    await type(page, 'Two');
    assert.match(await question(page), new RegExp(api.host));
    await page.keyboard.press('Escape');
    await part(page, '.notice .again');
    assert.equal(await page.$eval('linnet-chat', (chat) => chat.hasAttribute('open')), true);
    assert.deepEqual(await metas(page), ['On this device', 'Nothing was sent.']);
    assert.match(await focused(page), /input/);
    await while_();
    assert.deepEqual(api.requests, []);

    // The person can try again on the device.
    await works(page);
    await page.click(inChat('.notice .again'));
    await answered(page);
    assert.equal(await bodyText(page), 'Device: Two');
    assert.deepEqual(await metas(page), ['On this device', 'On this device']);

    await fails(page);
    await type(page, 'Three');
    await (await part(page, '.keep')).click();
    await part(page, '.notice .again');
    await while_();
    assert.deepEqual(api.requests, []);
    await page.click(inChat('.answer:last-child [aria-label="Answer again"]'));
    await (await part(page, '.agree')).click();
    await answered(page);
    assert.deepEqual(told(api), [['Be kind.', 'One', 'Device: One', 'Two', 'Device: Two', 'Three']]);
    assert.deepEqual(await metas(page), ['On this device', 'On this device', `Answered by ${api.host}`]);

    // The site sets another server, for which there is no consent.
    await page.$eval(
      'linnet-chat',
      (chat, address) => Object.assign(chat, { endpoint: address }),
      `${other.origin}/v1`,
    );
    await type(page, 'Four');
    assert.match(await question(page), new RegExp(other.host));
    await while_();
    assert.deepEqual(other.requests, []);
    // A new conversation removes the question.
    await page.click(inChat('[aria-label="New conversation"]'));
    await page.waitForFunction(
      () => !document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.send-card')?.checkVisibility(),
    );
    await while_();
    assert.deepEqual([other.requests, told(api).length], [[], 1]);
  });

  test('a chat that was closed with a question still asks it when opened', async (t) => {
    const page = await visit(t, '/device.html');
    await page.evaluate(() => Object.assign(window, { pause: 400 }));
    await page.evaluate(() =>
      Object.assign(window, {
        pieces: () => ({
          *[Symbol.iterator]() {
            yield 'Half an ';
            throw new Error('The device failed.');
          },
        }),
      }),
    );
    await type(page, 'One');
    await page.click(inChat('.close'));
    await page.waitForFunction(() =>
      document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.send-card:not([hidden])'),
    );
    await page.click(inChat('.launcher'));
    await part(page, '.send-card');
    assert.equal(await focused(page), 'keep');
    await page.click(inChat('.keep'));
    await part(page, '.notice .again');
    // The partial answer stays.
    assert.equal((await bodyText(page)).trim(), 'Half an');
    assert.deepEqual(api.requests, []);
  });

  test('a server without a model is named before the first question, and not asked about again', async (t) => {
    const page = await visit(t, '/served.html');
    assert.equal(
      await within(page, (root) => root.querySelector('.privacy').textContent),
      `${api.host} answers. What you write is sent there.`,
    );
    assert.equal(await within(page, (root) => root.querySelector('.by').textContent), `Answered by ${api.host}`);
    assert.equal(await within(page, (root) => root.querySelector('.loading').checkVisibility()), false);
    assert.deepEqual(await violations(page), []);
    await page.click(inChat('.suggestion'));
    await answered(page);
    await ask(page, 'And then?');
    assert.deepEqual(told(api), [
      ['Be kind.', 'Who are you?'],
      ['Be kind.', 'Who are you?', 'From the **server**.', 'And then?'],
    ]);
    // Another server, which this conversation has not named.
    await page.$eval(
      'linnet-chat',
      (chat, address) => Object.assign(chat, { endpoint: address }),
      `${other.origin}/v1`,
    );
    await type(page, 'Secret');
    await question(page);
    await while_();
    assert.deepEqual(other.requests, []);
  });

  test('a private conversation stays private if the site later uses only the server', async (t) => {
    const page = await visit(t, '/device.html');
    await works(page);
    await ask(page, 'One');
    await page.$eval('linnet-chat', (chat) => Object.assign(chat, { engine: undefined, model: 'none' }));
    await page.click(inChat('.close'));
    await page.click(inChat('.launcher'));
    await type(page, 'Two');
    await question(page);
    await while_();
    assert.deepEqual(api.requests, []);
  });

  test('a redirect does not send the conversation to another server', async (t) => {
    const page = await visit(t, '/served.html');
    api.redirect = `${other.origin}/v1/chat/completions`;
    await type(page, 'Hello');
    await part(page, '.notice .again');
    assert.match(
      await within(page, (root) => root.querySelector('.notice').textContent),
      new RegExp(`${api.host} did not answer`),
    );
    await while_();
    assert.deepEqual([told(api).length, other.requests], [1, []]);
  });
});
