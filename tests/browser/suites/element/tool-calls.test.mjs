// A page's tools with SmolLM2: called, run, answered upon, stopped, refused and failing. After each, the conversation
// goes on. A model of this size calls no tool on its own, so requests demand the call (`tool_choice`).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { answered, ask, ChatFixture, inChat, part, within } from '../../support/chat-fixture.mjs';
import { load, MODEL_ID, noModel } from '../../support/harness.mjs';

const QUESTION = 'Translate "hello" to French.';
const PAGE = Buffer.from(`<!doctype html><html lang="en"><meta charset="utf-8"><title>A shop</title>
  <script type="module" src="/linnet/element.js"></script><script type="module" src="/blank.mjs"></script>
  <script type="module" src="/tools.mjs"></script>
  <body><main><linnet-chat mode="inline" max-tokens="20" temperature="0"></linnet-chat></main></body></html>`);

/**
 * The page's tools, and its engine, which demands a call in answer to {@link QUESTION}. What the model writes as
 * arguments, and for how long, cannot be foretold: `args` replaces them. `stopAt` says when a click on Stop comes: with
 * a piece of the `call`, or with one of the `text`.
 */
const TOOLS = `
  const parameters = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
  const tool = (name, execute, more) => ({ name, description: 'Translates a text.', parameters, execute, ...more });
  window.ran = [];
  const run = (args) => (window.ran.push(args), 'Bonjour');
  window.tools = {
    translate: tool('translate', run),
    asking: tool('translate', run, { confirm: true }),
    failing: tool('translate', () => { throw new Error('the dictionary is lost'); }),
    slow: tool('translate', (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
  };
  window.requests = [];
  const stop = () => document.querySelector('linnet-chat').shadowRoot.querySelector('.stop').click();
  window.engineOf = (engine) => ({
    info: () => engine.info(),
    chat: { completions: { async *create(request) {
      window.requests.push(request);
      const demands = request.messages.at(-1).content === ${JSON.stringify(QUESTION)};
      const stream = engine.chat.completions.create({ ...request, ...(demands ? { tool_choice: 'required' } : {}) });
      for await (const chunk of stream) {
        const [{ delta, finish_reason }] = chunk.choices;
        if (window.args && finish_reason === 'length') chunk.choices[0].finish_reason = 'tool_calls';
        const calls = (window.args && delta.tool_calls) || [];
        for (const call of calls) call.function.arguments = call.id ? window.args : '';
        yield chunk;
        if (window.stopAt === 'call' ? delta.tool_calls : window.stopAt === 'text' && delta.content && !demands) stop();
      }
    } } },
  });
`;

describe('tool calls of a real model', { timeout: 300_000, skip: noModel }, () => {
  /** @type {ChatFixture} */
  let fixture;
  /** @type {import('puppeteer-core').Page} */
  let page;
  before(async () => {
    fixture = await ChatFixture.open({ '/shop.html': PAGE, '/tools.mjs': Buffer.from(TOOLS) });
    page = await fixture.browser.newPage();
    await page.goto(`${fixture.server.origin}/shop.html`);
    await page.waitForFunction('window.linnet && window.engineOf');
    const { code } = await load(page, MODEL_ID, { backend: 'cpu', storage: 'none', contextLength: 1024 });
    assert.equal(code, undefined);
    await page.evaluate(() => {
      const { engine, engineOf } = /** @type {any} */ (globalThis);
      Object.assign(/** @type {any} */ (document.querySelector('linnet-chat')), { engine: engineOf(engine) });
    });
    await page.click(inChat('.launcher'));
  });
  after(() => fixture?.close());

  /** Asks for a call of a tool in a new conversation, without waiting for the answer. */
  async function call(name, { args = '{"text": "hello"}', stopAt = '' } = {}) {
    await page.evaluate(
      (name, more) => {
        const window = /** @type {any} */ (globalThis);
        Object.assign(window, { ...more, requests: [], ran: [] });
        Object.assign(/** @type {any} */ (document.querySelector('linnet-chat')), { tools: [window.tools[name]] });
      },
      name,
      { args, stopAt },
    );
    if (await within(page, (root) => root.querySelector('.answer') !== null))
      await page.click(inChat('[aria-label="New conversation"]'));
    await (await part(page, '.input')).type(QUESTION);
    await page.keyboard.press('Enter');
  }
  const state = (name) => page.evaluate((name) => /** @type {any} */ (globalThis)[name], name);
  const requests = () =>
    page.evaluate(() => /** @type {any} */ (globalThis).requests.map(({ messages, tools }) => ({ messages, tools })));
  /** The last answer: the outcome of its call, and its texts. */
  const shown = () =>
    within(page, (root) => ({
      outcome: root.querySelector('.answer:last-child .call')?.dataset.state,
      texts: [...root.querySelectorAll('.answer:last-child .body')].map((body) => body.textContent),
      notice: root.querySelector('.notice:not([hidden])')?.textContent,
    }));
  /** Another question is answered, and each call has its result in what the model reads. */
  async function goesOn() {
    await page.evaluate(() => Object.assign(globalThis, { stopAt: '' }));
    await ask(page, 'Thank you.');
    const { texts, notice } = await shown();
    assert.deepEqual([texts.some(Boolean), notice], [true, undefined]);
    const { messages } = (await requests()).at(-1);
    const roles = messages.map(({ role, tool_calls }) => (tool_calls ? 'calls' : role));
    assert.deepEqual(roles.slice(0, 3), ['user', 'calls', 'tool']);
    assert.deepEqual(roles.slice(-2), ['assistant', 'user']);
    assert.equal(messages[1].tool_calls[0].id, messages[2].tool_call_id);
    return messages[2].content;
  }

  test('the chat API demands a call, and the model answers upon its result', async () => {
    const answers = await page.evaluate(async (content) => {
      const { engine } = /** @type {any} */ (globalThis);
      const parameters = { type: 'object', properties: { text: { type: 'string' } } };
      const tools = ['translate', 'spell'].map((name) => ({ type: 'function', function: { name, parameters } }));
      const common = { tools, temperature: 0, max_tokens: 20 };
      const messages = /** @type {any[]} */ ([{ role: 'user', content }]);
      const first = { ...common, messages, tool_choice: { type: 'function', function: { name: 'spell' } } };
      const chunks = [];
      for await (const { choices } of engine.chat.completions.create({ ...first, stream: true }))
        chunks.push(choices[0]);
      const whole = (await engine.chat.completions.create(first)).choices[0];
      messages.push(whole.message);
      for (const { id } of whole.message.tool_calls ?? [])
        messages.push({ role: 'tool', tool_call_id: id, content: 'h-i' });
      const answer = (await engine.chat.completions.create({ ...common, messages })).choices[0];
      messages.push({ role: 'assistant', content: answer.message.content }, { role: 'user', content: 'Thank you.' });
      const next = (await engine.chat.completions.create({ ...common, messages, tool_choice: 'none' })).choices[0];
      return { chunks, whole, answer, next };
    }, QUESTION);
    const { chunks, whole, answer, next } = answers;
    const [{ id, type, function: called }, ...others] = whole.message.tool_calls;
    assert.deepEqual([typeof id, type, called.name, others.length], ['string', 'function', 'spell', 0]);
    const pieces = chunks.flatMap(({ delta }) => delta.tool_calls ?? []);
    assert.deepEqual(
      [pieces[0].function.name, pieces.map(({ function: { arguments: text } }) => text).join('')],
      ['spell', called.arguments],
    );
    const text = chunks.map(({ delta }) => delta.content ?? '').join('');
    assert.equal(text, whole.message.content ?? '');
    assert.equal(chunks.at(-1).finish_reason, whole.finish_reason);
    assert.match(whole.finish_reason, /^(tool_calls|length)$/);
    for (const { message } of [answer, next]) assert.ok(message.content || message.tool_calls, JSON.stringify(message));
    assert.equal(next.message.tool_calls, undefined);
  });

  test('a call with the model’s own arguments runs, or the model is told what is wrong', async () => {
    await call('translate', { args: '' });
    await answered(page);
    const { outcome } = await shown();
    const ran = await state('ran');
    const result = await goesOn();
    if (outcome === 'done') assert.deepEqual([typeof ran[0], ran.length, result], ['object', 1, 'Bonjour']);
    else
      assert.match(
        `${outcome} ${ran.length} ${result}`,
        /^failed 0 Error: the (arguments are not a JSON|answer reached)/,
      );
  });

  test('a tool is run, and the model answers upon its result', async () => {
    await call('translate');
    await answered(page);
    const { outcome, texts } = await shown();
    assert.equal(outcome, 'done');
    assert.ok(texts.at(-1), 'there is an answer after the call');
    assert.deepEqual(await state('ran'), [{ text: 'hello' }]);
    const [, second] = await requests();
    assert.deepEqual(second.messages.at(-1).content, 'Bonjour');
    assert.equal(await goesOn(), 'Bonjour');
  });

  test('the person refuses a call', async () => {
    await call('asking');
    await part(page, '.call-question');
    await page.click(inChat('.refuse'));
    await answered(page);
    assert.deepEqual([(await shown()).outcome, await state('ran')], ['refused', []]);
    assert.match(await goesOn(), /did not allow/);
  });

  test('a tool fails with an exception', async () => {
    await call('failing');
    await answered(page);
    assert.equal((await shown()).outcome, 'failed');
    assert.equal(await goesOn(), 'Error: the dictionary is lost');
  });

  test('an answer is stopped in the middle of a call, while its tool runs, and in the text after it', async () => {
    await call('translate', { stopAt: 'call' });
    await answered(page);
    assert.deepEqual([(await shown()).outcome, await state('ran')], ['stopped', []]);
    assert.match(await goesOn(), /ended before this call/);

    await call('slow');
    await part(page, '.call[data-state=running]');
    await page.waitForFunction(
      () => !(/** @type {any} */ (document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.stop'))?.hidden),
    );
    await page.click(inChat('.stop'));
    await answered(page);
    assert.equal((await shown()).outcome, 'stopped');
    assert.match(await goesOn(), /ended before this call/);

    await call('translate', { stopAt: 'text' });
    await answered(page);
    const { outcome, texts } = await shown();
    assert.deepEqual([outcome, await state('ran')], ['done', [{ text: 'hello' }]]);
    assert.ok(texts.at(-1), 'the text so far stays');
    assert.equal(await goesOn(), 'Bonjour');
  });
});
