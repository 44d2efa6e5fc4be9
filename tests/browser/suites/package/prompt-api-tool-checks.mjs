// Checks of the Prompt API: tools.

import { equal, ok, rejects } from './prompt-api-expect.mjs';

const window = /** @type {any} */ (globalThis);
const { LanguageModel } = window;
const QUESTION = 'CALL the tools.';
const TOOL = { name: 'clock', description: 'The time', inputSchema: { type: 'object', properties: {} } };
const OPEN = {
  expectedInputs: [{ type: 'text' }, { type: 'tool-response' }, { type: 'tool-call' }],
  expectedOutputs: [{ type: 'text' }, { type: 'tool-call' }],
};

const session = (...tools) => LanguageModel.create({ ...OPEN, tools: tools.length > 0 ? tools : [TOOL] });
const named = (...names) => names.map((name) => ({ ...TOOL, name }));
const callsIn = (parts) => parts.filter(({ type }) => type === 'tool-call').map(({ value }) => value);
const reply = (value) => [{ role: 'user', content: [{ type: 'tool-response', value }] }];
const success = (call, type, value) =>
  reply(new window.LanguageModelToolSuccess({ callId: call.callId, name: call.name, result: [{ type, value }] }));

function circular() {
  const made = /** @type {any} */ ({ type: 'object' });
  made.self = made;
  return made;
}

/** @type {Record<string, () => unknown>} */
export const toolChecks = {
  'tools: create rejects schemas that are not those of an object': async () => {
    for (const inputSchema of [
      null,
      undefined,
      'text',
      {},
      { properties: {} },
      { type: 'string' },
      { type: 'object', properties: 'none' },
      { type: 'object', properties: {}, required: 'none' },
      circular(),
    ])
      await rejects(session({ ...TOOL, inputSchema }), TypeError);
  },
  'tools: create rejects with the error that a schema throws': async () => {
    const mine = new Error('mine');
    const fail = () => {
      throw mine;
    };
    const getter = Object.defineProperty({ type: 'object' }, 'other', { enumerable: true, get: fail });
    const proxy = new Proxy({ type: 'object' }, { get: (of, name) => (name === 'properties' ? fail() : of[name]) });
    for (const inputSchema of [{ type: 'object', toJSON: fail }, getter, proxy])
      await rejects(session(TOOL, { ...TOOL, name: 'other', inputSchema }), mine);
  },
  'tools: create rejects names and descriptions that are empty or repeated': async () => {
    await rejects(session({ ...TOOL, name: '' }), TypeError);
    await rejects(session({ ...TOOL, description: '' }), TypeError);
    await rejects(session(TOOL, TOOL), TypeError);
  },
  'tools: create rejects tools whose calls the page does not expect': async () => {
    await rejects(LanguageModel.create({ tools: [TOOL] }), TypeError);
    await rejects(LanguageModel.create({ tools: [TOOL], expectedOutputs: [{ type: 'text' }] }), TypeError);
  },
  'tools: create accepts an empty list': async () =>
    equal(typeof (await (await LanguageModel.create({ tools: [] })).prompt('x')), 'string'),

  'tools: prompt returns text before calls': async () => {
    const parts = await (await session(...named('clock', 'weather'))).prompt(QUESTION);
    ok(Array.isArray(parts));
    equal(parts.map(({ type }) => type).join(), 'text,tool-call,tool-call');
    equal(parts[0].value, 'I call.');
    for (const call of callsIn(parts)) {
      ok(call instanceof window.LanguageModelToolCall);
      ok(typeof call.callId === 'string' && call.callId.length > 0);
      equal(call.callID, call.callId);
      equal(JSON.stringify(call.arguments), '{"at":5}');
    }
    equal(
      callsIn(parts)
        .map(({ name }) => name)
        .join(),
      'clock,weather',
    );
  },
  'tools: promptStreaming streams the same parts': async () => {
    const parts = [];
    for await (const part of (await session()).promptStreaming(QUESTION)) parts.push(part);
    equal(parts.map(({ type }) => type).join(), 'text,text,tool-call');
  },
  'tools: the model gets results and errors': async () => {
    const asking = await session();
    const [call] = callsIn(await asking.prompt(QUESTION));
    const [{ type, value }] = await asking.prompt(success(call, 'text', 'noon'));
    equal(type, 'text');
    ok(value.endsWith('noon'), value);
    const other = await session();
    const [{ callId, name }] = callsIn(await other.prompt(QUESTION));
    const error = new window.LanguageModelToolError({ callID: callId, name, errorMessage: 'broken' });
    ok((await other.prompt(reply(error)))[0].value.endsWith('Error: broken'));
  },
  'tools: results can be anything that JSON can express': async () => {
    const asking = await session();
    const [call] = callsIn(await asking.prompt(QUESTION));
    for (const value of ['text', { nested: 'object', data: 123 }, [1, 'array'], null]) {
      await asking.append(success(call, 'text', value));
      await asking.append(success(call, 'object', value));
    }
    for (const value of [circular(), () => {}, 12n])
      for (const type of ['text', 'object']) await rejects(asking.prompt(success(call, type, value)), 'DataError');
    const bitmap = await createImageBitmap(new ImageData(2, 2));
    await rejects(asking.prompt(success(call, 'object', bitmap)), 'DataError');
    await rejects(asking.prompt(success(call, 'image', bitmap)), 'NotSupportedError');
  },
  'tools: calls and results need to be expected, and come from the right author': async () => {
    const call = new window.LanguageModelToolCall({ callId: 'a', name: 'clock', arguments: {} });
    const content = (type, value) => [{ type, value }];
    const asking = await session();
    const plain = await LanguageModel.create();
    await rejects(asking.prompt([{ role: 'user', content: content('tool-call', call) }]), TypeError);
    const [{ content: results }] = success(call, 'text', 'noon');
    await rejects(asking.prompt([{ role: 'assistant', content: results }]), TypeError);
    await rejects(plain.prompt([{ role: 'user', content: results }]), 'NotSupportedError');
    await rejects(plain.prompt([{ role: 'assistant', content: content('tool-call', call) }]), 'NotSupportedError');
    await asking.append([
      { role: 'user', content: 'x' },
      { role: 'assistant', content: content('tool-call', call) },
      { role: 'user', content: results },
    ]);
  },
  'tools: a clone has them': async () => {
    const copy = await (await session()).clone();
    equal(callsIn(await copy.prompt(QUESTION)).length, 1);
  },
  'tools: execute is called with the arguments, and the answer has the results': async () => {
    const seen = [];
    const execute = async (args) => `the result ${seen.push(JSON.stringify(args))}`;
    const tools = named('clock', 'weather').map((tool) => ({ ...tool, execute }));
    const answer = await (await LanguageModel.create({ tools })).prompt(QUESTION);
    equal(seen.join(), '{"at":5},{"at":5}');
    ok(answer.startsWith('I call.') && answer.endsWith('the result 1 the result 2'), answer);
  },
  'tools: an exception of execute is told to the model': async () => {
    const execute = () => {
      throw new Error('broken');
    };
    const answer = await (await LanguageModel.create({ tools: [{ ...TOOL, execute }] })).prompt(QUESTION);
    ok(answer.endsWith('Error: broken'), answer);
  },
};
