// Checks of the Prompt API: what a session does.

import {
  equal,
  heedsAborts,
  ok,
  rejects,
  rejectsForQuota,
  text,
  throws,
  OTHER,
  QUESTION,
  SYSTEM,
} from './prompt-api-expect.mjs';

const LanguageModel = /** @type {any} */ (globalThis).LanguageModel;
const RATING = {
  type: 'object',
  properties: { Rating: { type: 'number', minimum: 0, maximum: 5 } },
  required: ['Rating'],
  additionalProperties: false,
};
const EMPTY = {
  null: null,
  undefined,
  'an object': {},
  'an empty string': '',
  'an empty list': [],
  'no content': [{ role: 'user', content: [] }],
  'empty content': [{ role: 'user', content: [{ type: 'text', value: '' }] }],
};

/** @type {Record<string, () => unknown>} */
export const sessionChecks = {
  'abort: create': () => heedsAborts((signal) => LanguageModel.create({ signal })),
  'abort: clone': async () => {
    const session = await LanguageModel.create();
    await heedsAborts((signal) => session.clone({ signal }));
  },
  'abort: prompt': async () => {
    const session = await LanguageModel.create();
    await heedsAborts((signal) => session.prompt(QUESTION, { signal }));
  },
  'abort: append': async () => {
    const session = await LanguageModel.create();
    await heedsAborts((signal) => session.append(QUESTION, { signal }));
  },
  'abort: measureContextUsage': async () => {
    const session = await LanguageModel.create();
    await heedsAborts((signal) => session.measureContextUsage(QUESTION, { signal }));
  },
  'abort: promptStreaming fails the stream, and throws for an aborted signal': async () => {
    const session = await LanguageModel.create();
    for (const reason of [undefined, new DOMException('mine', 'VersionError')]) {
      const stop = new AbortController();
      const stream = session.promptStreaming(QUESTION, { signal: stop.signal });
      stop.abort(reason);
      await rejects(stream.pipeTo(new WritableStream()), reason ?? 'AbortError');
      throws(() => session.promptStreaming(QUESTION, { signal: stop.signal }), reason ?? 'AbortError');
    }
  },
  'abort: prompt works afterwards': async () => {
    const session = await LanguageModel.create();
    const stop = new AbortController();
    const promise = session.prompt(QUESTION, { signal: stop.signal });
    stop.abort();
    await rejects(promise, 'AbortError');
    ok((await session.prompt(QUESTION)).length > 0);
  },
  'abort: promptStreaming works afterwards': async () => {
    const session = await LanguageModel.create();
    const stop = new AbortController();
    const stream = session.promptStreaming(QUESTION, { signal: stop.signal });
    stop.abort();
    await rejects(stream.pipeTo(new WritableStream()), 'AbortError');
    ok((await text(session.promptStreaming(QUESTION))).length > 0);
  },

  'destroy: pending and later prompts are rejected, and attributes can be read': async () => {
    const session = await LanguageModel.create();
    const pending = session.prompt(QUESTION);
    session.destroy();
    await rejects(pending, 'InvalidStateError');
    await rejects(session.prompt(QUESTION), 'InvalidStateError');
    for (const name of ['inputUsage', 'inputQuota', 'contextUsage', 'contextWindow'])
      equal(typeof session[name], 'number', name);
  },
  'destroy: aborting the signal of create ends the session with the reason': async () => {
    const stop = new AbortController();
    const session = await LanguageModel.create({ signal: stop.signal });
    const methods = [
      () => session.prompt(QUESTION),
      () => session.append(QUESTION),
      () => session.measureContextUsage(QUESTION),
      () => session.clone(),
    ];
    const pending = methods.map((ask) => ask());
    const mine = new Error('mine');
    stop.abort(mine);
    for (const promise of [...pending, ...methods.map((ask) => ask())]) await rejects(promise, mine);
    throws(() => session.promptStreaming(QUESTION), mine);
  },

  'append: resolves with undefined': async () =>
    equal(await (await LanguageModel.create()).append(QUESTION), undefined),
  'append: adds the measured usage': async () => {
    const session = await LanguageModel.create();
    equal(session.contextUsage, 0);
    const measured = await session.measureContextUsage(QUESTION);
    ok(measured > 0);
    await session.append(QUESTION);
    equal(session.contextUsage, measured);
  },
  'append: an empty list adds nothing, and an object adds its text': async () => {
    const session = await LanguageModel.create();
    await session.append([]);
    equal(session.contextUsage, 0);
    await session.append({});
    ok(session.contextUsage > 0);
  },
  'append: rejects an input that is longer than the context': async () => {
    const session = await LanguageModel.create();
    const long = QUESTION.repeat(session.contextWindow);
    const measured = await session.measureContextUsage(long);
    await rejectsForQuota(session.append(long), measured, session.contextWindow);
  },
  'append: rejects system prompts after other messages': () => rejectsLateSystemPrompts('append'),
  'append: accepts empty and converted inputs': async () => {
    const session = await LanguageModel.create();
    for (const input of Object.values(EMPTY)) equal(await session.append(input), undefined);
  },

  'prompt: resolves with a string': async () =>
    equal(typeof (await (await LanguageModel.create()).prompt(QUESTION)), 'string'),
  'prompt: question and answer add the measured usage': async () => {
    const session = await LanguageModel.create();
    equal(session.contextUsage, 0);
    const question = await session.measureContextUsage(QUESTION);
    const answer = await session.prompt(QUESTION);
    equal(session.contextUsage, question + (await session.measureContextUsage(answer)));
  },
  'prompt: an empty list is answered, and an object is converted to text': async () => {
    const session = await LanguageModel.create();
    ok((await session.prompt([])).length > 0);
    ok((await session.prompt({})).includes('[object Object]'));
    ok((await session.prompt(null)).includes('null'));
    ok((await session.prompt(undefined)).includes('undefined'));
  },
  'prompt: answers a question': async () =>
    ok(/france/i.test(await (await LanguageModel.create()).prompt('What is the capital of France?'))),
  'prompt: initial prompts count, and the model gets them': async () => {
    for (const content of [SYSTEM.content, [{ type: 'text', value: SYSTEM.content }]]) {
      const initialPrompts = [{ role: 'system', content }];
      const session = await LanguageModel.create({ initialPrompts });
      const measured = await session.measureContextUsage(initialPrompts);
      ok(measured > 0);
      equal(session.contextUsage, measured);
      ok((await session.prompt('What is the word of the day?')).includes('heron'));
    }
  },
  'prompt: an overflow drops the oldest messages and fires an event': async () => {
    const session = await LanguageModel.create();
    const heard = ['contextoverflow', 'quotaoverflow'].map(
      (name) => new Promise((resolve) => session.addEventListener(name, resolve)),
    );
    const long = QUESTION.repeat(10);
    ok(session.contextWindow > (await session.measureContextUsage(long)));
    await session.append(long);
    ok(session.contextUsage > 0);
    await Promise.all([...heard, session.prompt(long.repeat(session.contextWindow / session.contextUsage))]);
  },
  'prompt: rejects an input that is longer than the context': async () => {
    const session = await LanguageModel.create();
    const long = QUESTION.repeat(session.contextWindow);
    const measured = await session.measureContextUsage(long);
    await rejectsForQuota(session.prompt(long), measured, session.contextWindow);
  },
  'prompt: rejects system prompts after other messages': () => rejectsLateSystemPrompts('prompt'),
  'prompt: rejects a system prompt after initial prompts': async () => {
    const session = await LanguageModel.create({ initialPrompts: [{ role: 'user', content: 'a' }] });
    await rejects(session.prompt([SYSTEM]), TypeError);
  },
  'prompt: answers the same question twice at once': async () => {
    const session = await LanguageModel.create();
    await Promise.all([session.prompt(QUESTION), session.prompt(QUESTION)]);
  },
  'prompt: answers two questions at once': async () => {
    const session = await LanguageModel.create();
    await Promise.all([session.prompt(QUESTION), session.prompt(OTHER)]);
  },
  'prompt: continues after a garbage collection': async () => {
    const promise = (await LanguageModel.create()).prompt(QUESTION);
    /** @type {any} */ (globalThis).gc();
    equal(typeof (await promise), 'string');
  },
  ...Object.fromEntries(
    Object.entries(EMPTY).map(([name, input]) => [
      `prompt: accepts ${name}`,
      async () => equal(typeof (await (await LanguageModel.create()).prompt(input)), 'string'),
    ]),
  ),

  'promptStreaming: returns a stream of text': async () => {
    const stream = (await LanguageModel.create()).promptStreaming(QUESTION);
    ok(stream instanceof ReadableStream);
    equal(Object.prototype.toString.call(stream), '[object ReadableStream]');
    ok((await text(stream)).length > 0);
  },
  'promptStreaming: answers the same question twice at once': async () => {
    const session = await LanguageModel.create();
    for (const answer of await Promise.all([
      text(session.promptStreaming(QUESTION)),
      text(session.promptStreaming(QUESTION)),
    ]))
      ok(answer);
  },
  'promptStreaming: answers two questions at once': async () => {
    const session = await LanguageModel.create();
    for (const answer of await Promise.all([
      text(session.promptStreaming(QUESTION)),
      text(session.promptStreaming(OTHER)),
    ]))
      ok(answer);
  },
  'promptStreaming: continues after a garbage collection': async () => {
    const stream = (await LanguageModel.create()).promptStreaming(QUESTION);
    let answer = '';
    for await (const piece of stream) {
      answer += piece;
      /** @type {any} */ (globalThis).gc();
    }
    ok(answer);
  },
  'promptStreaming: returns streams for empty and converted inputs': async () => {
    const session = await LanguageModel.create();
    for (const input of Object.values(EMPTY)) ok(session.promptStreaming(input) instanceof ReadableStream);
  },
  ...Object.fromEntries(
    Object.entries(EMPTY).map(([name, input]) => [
      `promptStreaming: accepts ${name}`,
      async () => equal(typeof (await text((await LanguageModel.create()).promptStreaming(input))), 'string'),
    ]),
  ),

  'responseConstraint: a schema gives JSON': async () => {
    const session = await LanguageModel.create();
    for (const options of [
      { responseConstraint: RATING },
      { responseConstraint: RATING, omitResponseConstraintInput: true },
      { responseConstraint: { type: 'object' }, omitResponseConstraintInput: false },
    ]) {
      equal(JSON.parse(await session.prompt(QUESTION, options)).Rating, 4);
      equal(JSON.parse(await text(session.promptStreaming(QUESTION, options))).Rating, 4);
      ok((await session.measureContextUsage(QUESTION, options)) > 0);
    }
  },
  'responseConstraint: a RegExp gives a text that it matches': async () => {
    const session = await LanguageModel.create();
    for (const responseConstraint of [/^heron$/, /[a-z]+/i])
      ok(responseConstraint.test(await session.prompt(QUESTION, { responseConstraint })));
  },
  'responseConstraint: rejects what is not a schema': async () => {
    const session = await LanguageModel.create();
    const circular = /** @type {any} */ ({});
    circular.self = circular;
    for (const responseConstraint of [circular, { type: 'soup' }]) {
      await rejects(session.prompt(QUESTION, { responseConstraint }), 'NotSupportedError');
      await rejects(text(session.promptStreaming(QUESTION, { responseConstraint })), 'NotSupportedError');
    }
    for (const responseConstraint of [null, 5, 'text'])
      await rejects(session.prompt(QUESTION, { responseConstraint }), TypeError);
    equal(typeof (await session.prompt(QUESTION)), 'string');
  },
  'responseConstraint: omitResponseConstraintInput needs it': async () => {
    const session = await LanguageModel.create();
    const options = { omitResponseConstraintInput: true };
    await rejects(session.prompt(QUESTION, options), TypeError);
    await rejects(text(session.promptStreaming(QUESTION, options)), TypeError);
    await rejects(session.measureContextUsage(QUESTION, options), TypeError);
  },

  'measureContextUsage: is a number above 0': async () => {
    const session = await LanguageModel.create();
    for (const measured of [
      await session.measureContextUsage('This is a text.'),
      await session.measureInputUsage('This is a text.'),
    ])
      ok(typeof measured === 'number' && measured > 0);
  },
  'measureContextUsage: accepts messages of all roles at any time': async () => {
    const messages = [SYSTEM, { role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }];
    const session = await LanguageModel.create({ initialPrompts: messages });
    ok((await session.measureContextUsage(messages)) > 0);
    ok((await session.measureInputUsage(messages)) > 0);
  },

  'clone: has the state of the session, and is independent of it': async () => {
    const session = await LanguageModel.create();
    await session.prompt(QUESTION);
    const copy = await session.clone();
    for (const name of ['inputQuota', 'inputUsage', 'contextWindow', 'contextUsage', 'topK', 'temperature'])
      equal(copy[name], session[name], name);
    equal(typeof (await copy.prompt(QUESTION)), 'string');
    ok(copy.contextUsage > session.contextUsage);
  },
};

async function rejectsLateSystemPrompts(method) {
  const session = await LanguageModel.create();
  await rejects(session[method]([{ role: 'user', content: 'a' }, SYSTEM]), TypeError);
  await rejects(session[method]([SYSTEM, SYSTEM]), TypeError);
  // This is not a list, so it is the person's text; the next system prompt comes during the answer.
  const first = session[method](SYSTEM);
  await rejects(session[method]([SYSTEM]), TypeError);
  await first;
}
