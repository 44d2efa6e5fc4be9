// <linnet-chat> with tools, reasoning and its switch. The model is a script.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { answered, ask, ChatFixture, html, inChat, part, within } from '../../support/chat-fixture.mjs';

/** Defines a page's tools and its model, which calls `tool` and answers with what it got. */
function script() {
  const window = /** @type {any} */ (globalThis);
  window.ran = [];
  window.seen = [];
  window.tool = 'stock';
  window.args = '{"item":"rye"}';
  window.tools = [
    {
      name: 'stock',
      description: 'Says how many loaves are left.',
      parameters: { type: 'object', properties: { item: { type: 'string' } } },
      execute: (args) => {
        window.ran.push(args);
        return { left: 3 };
      },
    },
    { name: 'order', confirm: true, execute: (args) => void window.ran.push(args) },
    { name: 'cancel', confirm: 'Cancel the order?', execute: () => 'Cancelled.' },
    {
      name: 'broken',
      execute: () => {
        throw new Error('the oven is off');
      },
    },
    {
      name: 'slow',
      execute: (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('too late')))),
    },
    { name: 'deaf', execute: () => new Promise(() => {}) },
  ];
  const call = (name, args) => [
    { reasoning_content: 'They want to ' },
    { reasoning_content: 'know.' },
    'Let me look.',
    {
      tool_calls: [{ index: 0, id: `c${window.requests.length}`, type: 'function', function: { name, arguments: '' } }],
    },
    ...args.match(/[^]{1,4}/g).map((text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
  ];
  window.pieces = ({ messages, tool_choice }) => {
    const last = messages.at(-1);
    if (last.role === 'tool' && !window.endless) return ['I got: ', last.content];
    if (tool_choice === 'none') return ['Enough.'];
    return last.content === 'Hi' ? ['Hello.'] : call(window.tool, window.args);
  };
}

/** A server with OpenAI's API that calls a tool, and then answers with its result. */
async function startApi() {
  const requests = /** @type {any[]} */ ([]);
  const server = createServer(async (request, response) => {
    const headers = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': '*' };
    const more = { ...headers, 'Cross-Origin-Resource-Policy': 'cross-origin' };
    if (request.method === 'OPTIONS') return response.writeHead(204, more).end();
    let body = '';
    for await (const chunk of request) body += chunk;
    const { messages, tools } = JSON.parse(body);
    requests.push({ messages, tools });
    response.writeHead(200, { ...more, 'Content-Type': 'text/event-stream' });
    const say = (delta, finish_reason = /** @type {string | null} */ (null)) =>
      response.write(`data: ${JSON.stringify({ choices: [{ delta, finish_reason }] })}\n\n`);
    if (messages.at(-1).role === 'tool') {
      for (const content of ['<thi', 'nk>Three.</thi', 'nk>\n', '\nThree left.']) say({ content });
      say({}, 'stop');
    } else {
      say({ reasoning: 'Look it up.' });
      const function_ = { name: 'stock', arguments: '{"item":' };
      say({ tool_calls: [{ index: 0, id: 'a1', type: 'function', function: function_ }] });
      say({ tool_calls: [{ index: 0, function: { arguments: '"rye"}' } }] });
      say({}, 'tool_calls');
    }
    response.end('data: [DONE]\n\n');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { requests, origin: `http://127.0.0.1:${port}`, close };
}

describe('tools and reasoning in the chat element', { timeout: 300_000 }, () => {
  /** @type {ChatFixture} */
  let fixture;
  let api;
  before(async () => {
    api = await startApi();
    fixture = await ChatFixture.open(
      {
        '/off.html': html('<linnet-chat mode="inline" thinking="off"></linnet-chat>'),
        '/button.html': html('<linnet-chat heading="Ask the shop"></linnet-chat>'),
        '/served.html': html(`<linnet-chat real mode="inline" model="none" endpoint="${api.origin}/v1"></linnet-chat>`),
      },
      api.origin,
    );
  });
  after(async () => {
    await fixture?.close();
    api?.close();
  });

  /** An open chat with the script's tools. */
  async function visit(t, path = '/inline.html', more = {}) {
    const page = await fixture.visit(t, path);
    await page.evaluate(script);
    await page.evaluate((more) => {
      Object.assign(globalThis, more);
      const { tools } = /** @type {any} */ (globalThis);
      Object.assign(/** @type {any} */ (document.querySelector('linnet-chat')), { tools });
    }, more);
    await page.click(inChat('.launcher'));
    await part(page, '.input');
    return page;
  }
  const send = async (page, text) => {
    await (await part(page, '.input')).type(text);
    await page.keyboard.press('Enter');
  };
  const requests = (page) =>
    page.evaluate(() =>
      /** @type {any} */ (globalThis).requests.map(({ messages, tools, tool_choice, enable_thinking }) => ({
        messages,
        tools: tools?.map((tool) => tool.function.name),
        tool_choice,
        enable_thinking,
      })),
    );
  /** Each call of the last answer: its state, its title, and what is unfolded below it. */
  const calls = (page) =>
    within(page, (root) =>
      [...root.querySelectorAll('.answer:last-child .call')].map((call) => [
        call.dataset.state,
        call.querySelector('summary').textContent,
        ...[...call.querySelectorAll('pre')].map((text) => text.textContent),
      ]),
    );
  const texts = (page) =>
    within(page, (root) => [...root.querySelectorAll('.answer:last-child .body')].map((body) => body.textContent));
  const events = (page, name) =>
    page.evaluate((name) => /** @type {any} */ (globalThis).events.filter((event) => event.name === name), name);
  /** The result that the model got last. */
  const result = async (page) => (await requests(page)).at(-1).messages.at(-1).content;
  /** The conversation can go on: each call has a result, and roles alternate. */
  async function goesOn(page) {
    await page.evaluate(() => Object.assign(globalThis, { endless: false }));
    await ask(page, 'Hi');
    assert.deepEqual(await texts(page), ['Hello.']);
    const { messages } = (await requests(page)).at(-1);
    const open = new Set();
    for (const { role, tool_calls = [], tool_call_id } of messages) {
      if (role === 'tool') assert.ok(open.delete(tool_call_id), 'a result belongs to a call');
      else assert.equal(open.size, 0, 'every call has a result');
      for (const { id } of tool_calls) open.add(id);
    }
    const spoken = messages.filter(({ role, tool_calls }) => role !== 'tool' && !tool_calls).map(({ role }) => role);
    assert.deepEqual(spoken, ['user', 'assistant', 'user']);
    return messages;
  }

  test('a tool is called, shown folded, and its result is answered upon', async (t) => {
    const page = await visit(t);
    await ask(page, 'How many?');
    assert.deepEqual(await calls(page), [['done', 'Used stock', '{\n  "item": "rye"\n}', '{\n  "left": 3\n}']]);
    assert.deepEqual(await texts(page), ['Let me look.', 'I got: {"left":3}']);
    const unfolded = await within(page, (root) =>
      [...root.querySelectorAll('details:not([hidden])')].map(({ open }) => open),
    );
    assert.deepEqual(unfolded, [false, false]);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).ran), [{ item: 'rye' }]);
    const [first, second] = await requests(page);
    assert.deepEqual(first.tools, ['stock', 'order', 'cancel', 'broken', 'slow', 'deaf']);
    assert.deepEqual(second.messages, [
      { role: 'user', content: 'How many?' },
      {
        role: 'assistant',
        content: 'Let me look.',
        reasoning_content: 'They want to know.',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'stock', arguments: '{"item":"rye"}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', name: 'stock', content: '{"left":3}' },
    ]);
    const [{ answer }] = await events(page, 'answer');
    assert.equal(answer, 'Let me look.\n\nI got: {"left":3}');
    const [{ outcome, arguments: args }] = await events(page, 'tool');
    assert.deepEqual([outcome, args], ['done', '{"item":"rye"}']);
    const messages = await goesOn(page);
    assert.ok(!messages.some((message) => 'reasoning_content' in message), 'earlier reasoning is not sent again');
    assert.equal(messages.length, 5);
  });

  test('reasoning is folded, with its time, and can be read', async (t) => {
    const page = await visit(t, '/inline.html', { pause: 300, tool: 'stock' });
    await send(page, 'How many?');
    await part(page, '.reasoning');
    assert.equal(await within(page, (root) => root.querySelector('.reasoning summary').textContent), 'Thinking…');
    await answered(page);
    const [title, open] = await within(page, (root) => {
      const fold = root.querySelector('.reasoning');
      return [fold.querySelector('summary').textContent, fold.open];
    });
    assert.match(title, /^Thought for [1-9] s$/);
    assert.equal(open, false);
    await page.click(inChat('.reasoning summary'));
    assert.equal(
      await within(page, (root) => root.querySelector('.reasoning').innerText),
      `${title}\nThey want to know.`,
    );
    await page.click(inChat('.call summary'));
    assert.deepEqual(await violations(page), []);
  });

  test('the person is asked before a call, with the focus on the refusing button', async (t) => {
    const page = await visit(t, '/button.html', { tool: 'order' });
    await send(page, 'Order rye.');
    await part(page, '.call-question');
    assert.deepEqual(await violations(page), []);
    const state = () =>
      within(page, (root) => [
        root.querySelector('.call-question')?.textContent,
        root.activeElement?.className,
        root.querySelector('[aria-live=polite]').textContent,
        root.querySelector('.call details').open,
      ]);
    assert.deepEqual(await state(), ['Allow order?Don’t allowAllow', 'refuse', 'Allow order?', true]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).ran), [], 'nothing runs before');
    // The question waits while the chat is closed.
    await page.click(inChat('.close'));
    await page.click(inChat('.launcher'));
    assert.equal((await state())[1], 'refuse');
    // Escape refuses, and does not close the chat.
    await page.keyboard.press('Escape');
    await answered(page);
    assert.equal(await page.$eval('linnet-chat', (chat) => chat.hasAttribute('open')), true);
    assert.match(await within(page, (root) => root.activeElement?.className), /input|stop/);
    assert.deepEqual((await calls(page))[0].slice(0, 2), ['refused', 'order was not allowed']);
    assert.match(await result(page), /did not allow this call/);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).ran), []);
    await goesOn(page);
  });

  test('an allowed call runs; the site words the question', async (t) => {
    const page = await visit(t, '/inline.html', { tool: 'cancel' });
    await send(page, 'Cancel it.');
    await part(page, '.call-question');
    assert.match((await within(page, (root) => root.querySelector('.call-question').textContent)) ?? '', /^Cancel the/);
    await page.click(inChat('.allow'));
    await answered(page);
    assert.equal(await result(page), 'Cancelled.');
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).ran), []);
    await goesOn(page);
  });

  test('failing, unknown and badly called tools give the model a text to answer upon', async (t) => {
    const page = await visit(t);
    for (const [tool, args, text] of /** @type {[string, string, RegExp][]} */ ([
      ['broken', '{}', /^Error: the oven is off$/],
      ['<img src="/x">', '{}', /no tool of this name/],
      ['nothing', '{}', /^Error: there is no tool of this name\. The tools are: stock, order/],
      ['stock', '{"item":', /^Error: the arguments are not a JSON object: \{"item":$/],
      ['stock', '[1]', /^Error: the arguments are not a JSON object: \[1\]$/],
    ])) {
      await page.evaluate((more) => Object.assign(globalThis, more), { tool, args });
      await ask(page, 'Go on');
      assert.match(await result(page), text);
      const [[state, title]] = await calls(page);
      assert.deepEqual([state, title], ['failed', `${tool} failed`]);
      assert.match((await texts(page))[1], /^I got: Error/);
      const [{ function: called }] = (await requests(page)).at(-1).messages.at(-2).tool_calls;
      JSON.parse(called.arguments);
      await page.click(inChat('[aria-label="New conversation"]'));
    }
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).ran), []);
    await ask(page, 'Go on');
    await goesOn(page);
  });

  test('an answer can be stopped while a tool runs, whether or not the tool listens', async (t) => {
    for (const tool of ['slow', 'deaf', 'order']) {
      const page = await visit(t, '/inline.html', { tool });
      await send(page, 'Go on');
      await part(page, tool === 'order' ? '.call-question' : '.call');
      await page.waitForFunction(() =>
        document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.call pre')?.textContent?.endsWith('}'),
      );
      await page.click(inChat('.stop'));
      await answered(page);
      assert.deepEqual((await calls(page))[0].slice(0, 2), ['stopped', `${tool} was stopped`]);
      assert.equal(await within(page, (root) => root.querySelector('.answer .meta').textContent), 'Stopped');
      const messages = await goesOn(page);
      assert.deepEqual(
        messages.slice(2, 4).map(({ content }) => content),
        ['The answer ended before this call was complete.', '(no answer)'],
      );
    }
  });

  test('an answer that is stopped in the middle of a call does not run it', async (t) => {
    const page = await visit(t, '/inline.html', { pause: 100, args: `{"item":"${'bread '.repeat(40)}"}` });
    await send(page, 'Go on');
    await part(page, '.call');
    await page.click(inChat('.stop'));
    await answered(page);
    assert.equal((await calls(page))[0][0], 'stopped');
    await page.evaluate(() => Object.assign(globalThis, { pause: 0 }));
    await goesOn(page);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).ran), []);
  });

  test('after eight rounds the model must answer', async (t) => {
    const page = await visit(t, '/inline.html', { endless: true });
    await ask(page, 'Go on');
    const all = await requests(page);
    assert.deepEqual(
      all.map(({ tool_choice }) => tool_choice),
      [...Array(8).fill(undefined), 'none'],
    );
    assert.equal((await calls(page)).length, 8);
    assert.equal((await texts(page)).at(-1), 'Enough.');
    await goesOn(page);
  });

  test('reasoning can be switched where the model allows it', async (t) => {
    const plain = await visit(t);
    assert.equal(await within(plain, (root) => root.querySelector('.think').checkVisibility()), false);
    await ask(plain, 'Hi');
    assert.equal((await requests(plain))[0].enable_thinking, undefined);
    for (const [path, first] of /** @type {const} */ ([
      ['/inline.html', true],
      ['/off.html', false],
    ])) {
      const page = await visit(t, path, { model: { reasoning: 'optional' } });
      const button = await part(page, '.think');
      const pressed = () => button.evaluate((node) => [node.getAttribute('aria-label'), node.ariaPressed]);
      assert.deepEqual(await pressed(), ['Think before answering', String(first)]);
      await ask(page, 'Hi');
      await button.focus();
      await page.keyboard.press('Space');
      assert.deepEqual(await pressed(), ['Think before answering', String(!first)]);
      assert.deepEqual(await violations(page), []);
      await ask(page, 'Hi');
      assert.deepEqual(
        (await requests(page)).map(({ enable_thinking }) => enable_thinking),
        [first, !first],
      );
    }
  });

  test('a server calls tools, too, and its <think> is reasoning', async (t) => {
    const page = await visit(t, '/served.html');
    await ask(page, 'How many?');
    assert.deepEqual((await calls(page))[0].slice(0, 2), ['done', 'Used stock']);
    assert.deepEqual(await texts(page), ['', 'Three left.']);
    assert.deepEqual(
      await within(page, (root) => [...root.querySelectorAll('.reasoning-text')].map((node) => node.textContent)),
      ['Look it up.', 'Three.'],
    );
    const [first, second] = api.requests;
    assert.equal(first.tools[0].function.name, 'stock');
    assert.deepEqual(second.messages.at(-1), {
      role: 'tool',
      tool_call_id: 'a1',
      name: 'stock',
      content: '{"left":3}',
    });
  });

  test('wrong tools are named in the console, and not used', async (t) => {
    const page = await fixture.visit(t, '/inline.html');
    const said = /** @type {string[]} */ ([]);
    page.on('console', (message) => void said.push(message.text()));
    await page.$eval('linnet-chat', (chat) => Object.assign(chat, { tools: [{ name: 'a b', execute: () => 1 }] }));
    await page.click(inChat('.launcher'));
    await ask(page, 'Hi');
    assert.match(said.join(), /the property tools is not valid: tools\[0\]\.name must be 1 to 64 letters/);
    assert.equal((await requests(page))[0].tools, undefined);
  });
});
