// An answer of gpt-oss in the page: the events that the engine makes of its real token ids, through the worker's
// protocol, the chat API and <linnet-chat>.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ask, ChatFixture, html, inChat, part, within } from '../../support/chat-fixture.mjs';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { fixtureFile } from '../../support/harness.mjs';

/** The recorded turns: a line with a request starts one, and its events follow. */
const lines = readFileSync(fixtureFile('harmony.jsonl'), 'utf8').trim().split('\n');
const requests = /** @type {any[]} */ ([]);
const events = /** @type {any[][]} */ ([]);
for (const line of lines.map((line) => JSON.parse(line))) {
  if (line.request) events[requests.push(line.request) - 1] = [];
  else events.at(-1)?.push(line);
}
const RESULT = requests[1].messages.at(-1).content;
const REASONING = 'The user asks about rain, so I call the tool.';

/** What messages say, without fields that are empty or differ between callers. */
const essence = (messages) =>
  messages.map(({ role, content, reasoning_content, tool_calls, tool_call_id }) => ({
    role,
    content: content ?? '',
    ...(reasoning_content ? { reasoning_content } : {}),
    ...(tool_calls ? { tool_calls } : {}),
    ...(tool_call_id ? { tool_call_id } : {}),
  }));

describe('an answer of gpt-oss in the page', { timeout: 300_000 }, () => {
  /** @type {ChatFixture} */
  let fixture;
  before(async () => {
    const chat = html('<linnet-chat real mode="inline" model="/gpt-oss.gguf"></linnet-chat>');
    fixture = await ChatFixture.open({ '/harmony.html': chat });
  });
  after(() => fixture?.close());

  /** A page whose worker has the recorded events. */
  async function visit(t, path) {
    const page = await fixture.browser.newPage();
    t.after(() => page.close());
    await page.evaluateOnNewDocument(fakeWorker);
    await page.evaluateOnNewDocument(`recorded = ${JSON.stringify(events)}`);
    await page.goto(fixture.server.origin + path);
    await page.bringToFront();
    return page;
  }
  /** The messages of the request at that place. */
  const sent = async (page, index) =>
    essence((await page.evaluate(() => /** @type {any} */ (globalThis).asked))[index].messages);

  test('the chat API has its parts apart, and sends them back as messages', async (t) => {
    const page = await visit(t, '/blank.html');
    await page.waitForFunction('window.linnet');
    const answers = await page.evaluate(
      async (requests, result) => {
        const { Linnet } = /** @type {any} */ (globalThis).linnet;
        const engine = await Linnet.load('/gpt-oss.gguf');
        const [{ messages, tools }] = requests;
        const answers = [];
        for (const next of [result, 'Thank you!', undefined]) {
          const { choices, usage } = await engine.chat.completions.create({ messages, tools });
          const [{ message, finish_reason }] = choices;
          answers.push({
            ...message,
            finish_reason,
            reasoning_tokens: usage.completion_tokens_details.reasoning_tokens,
          });
          const [call] = message.tool_calls ?? [];
          messages.push(message);
          messages.push(
            call ? { role: 'tool', tool_call_id: call.id, content: next } : { role: 'user', content: next },
          );
        }
        return answers;
      },
      requests,
      RESULT,
    );
    const [asking, answering, again] = answers;
    assert.deepEqual([asking.content, asking.reasoning_content, asking.finish_reason], [null, REASONING, 'tool_calls']);
    assert.equal(asking.tool_calls[0].function.arguments, '{"city": "Zürich", "days": 2}');
    assert.deepEqual(
      [answering.content, answering.reasoning_content, answering.finish_reason],
      ['Yes, a little: **2.5 mm**.', '2.5 mm is a little.', 'stop'],
    );
    assert.deepEqual([again.content, again.reasoning_content], ['Let me check Bern, too.', undefined]);
    assert.equal(again.tool_calls[0].function.arguments, '{"city": "Bern"}');
    assert.deepEqual(
      answers.map(({ reasoning_tokens }) => reasoning_tokens),
      events.map((turn) => turn.at(-1).usage.reasoning_tokens),
    );
    assert.deepEqual(await sent(page, 2), essence(requests[2].messages));
  });

  test('the element folds the reasoning, shows the call, and answers with its result', async (t) => {
    const page = await visit(t, '/harmony.html');
    await page.evaluate((result) => {
      const execute = (args) => {
        Object.assign(globalThis, { args });
        return result;
      };
      const tools = [{ name: 'get_weather', description: 'Weather forecast for a city.', execute }];
      Object.assign(/** @type {any} */ (document.querySelector('linnet-chat')), { tools });
    }, RESULT);
    await page.click(inChat('.launcher'));
    await (await part(page, '.accept')).click();
    await ask(page, requests[0].messages[0].content);
    const steps = await within(page, (root) =>
      [...root.querySelectorAll('.step')].map((step) => ({
        reasoning: step.querySelector('.reasoning-text').textContent,
        text: step.querySelector('.body').innerText,
        calls: [...step.querySelectorAll('.call')].map((call) => [
          call.dataset.state,
          call.querySelector('summary').textContent,
          ...[...call.querySelectorAll('pre')].map((text) => text.textContent),
        ]),
        open: [...step.querySelectorAll('details')].some(({ open }) => open),
      })),
    );
    const [called, answer] = steps;
    const parts = ['{\n  "city": "Zürich",\n  "days": 2\n}', '{\n  "rain_mm": 2.5\n}'];
    assert.deepEqual(called, {
      reasoning: REASONING,
      text: '',
      calls: [['done', 'Used get_weather', ...parts]],
      open: false,
    });
    assert.deepEqual(answer, {
      reasoning: '2.5 mm is a little.',
      text: 'Yes, a little: 2.5 mm.',
      calls: [],
      open: false,
    });
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).args), { city: 'Zürich', days: 2 });
    assert.deepEqual(await sent(page, 1), essence(requests[1].messages));
    // Reasoning of earlier answers is not sent again.
    await ask(page, 'Thank you!');
    const withoutReasoning = requests[2].messages.map(({ reasoning_content: _, ...message }) => message);
    assert.deepEqual(await sent(page, 2), essence(withoutReasoning));
  });
});
