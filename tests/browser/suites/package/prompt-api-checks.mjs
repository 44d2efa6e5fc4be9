// What the web-platform-tests expect of the Prompt API where a test needs neither tools, constraints, media nor user
// activation, in our own words. Runs in a page that has `LanguageModel`, over an engine that repeats what it is told.

import {
  combinations,
  equal,
  heedsAbortAt,
  heedsAborts,
  ok,
  progressOf,
  rejects,
  rejectsForQuota,
  text,
  throws,
} from './prompt-api-expect.mjs';

const LanguageModel = /** @type {any} */ (globalThis).LanguageModel;
const STATES = ['unavailable', 'downloadable', 'downloading', 'available'];
const QUESTION = 'Tell me something about birds.';
const OTHER = 'Tell me something about fish.';
const SYSTEM = { role: 'system', content: 'The word of the day is heron.' };

/** A frame of this origin that has the API, too. */
async function frame() {
  const made = document.createElement('iframe');
  made.src = location.href;
  document.body.append(made);
  await new Promise((resolve) => (made.onload = resolve));
  while (!(/** @type {any} */ (made.contentWindow).installed)) await new Promise((resolve) => setTimeout(resolve, 10));
  return { made, window: /** @type {any} */ (made.contentWindow) };
}

const TEXT_ONLY = [undefined, [], [{ type: 'text' }], [{ type: 'text', languages: ['en'] }]];
const ANY_KIND = [
  undefined,
  [],
  [{ type: 'text' }],
  [{ type: 'text' }, { type: 'audio' }, { type: 'image' }],
  [{ type: 'text', languages: ['en', 'ja', 'ko'] }],
  [
    { type: 'audio', languages: ['es'] },
    { type: 'image', languages: ['fr'] },
  ],
];
const MODES = [
  'most-predictable',
  'predictable',
  'slightly-predictable',
  'balanced',
  'slightly-creative',
  'creative',
  'most-creative',
];
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
export const checks = {
  'availability: there is such a method': () => ok(LanguageModel && typeof LanguageModel.availability === 'function'),
  'availability: a value of the enumeration, without options': async () =>
    ok(STATES.includes(await LanguageModel.availability())),
  'availability: refuses what is no language tag': () =>
    rejects(
      LanguageModel.availability({ expectedInputs: [{ type: 'text', languages: ['en-abc-invalid'] }] }),
      RangeError,
    ),
  'availability: a value of the enumeration for any plausible options': async () => {
    const initialPrompts = [undefined, [], [SYSTEM], [SYSTEM, { role: 'user', content: 'x' }], [SYSTEM, SYSTEM]];
    const all = combinations({
      topK: [undefined, -2, 0, 1, 1.5, 3, 99],
      temperature: [undefined, -0.5, 0, 0.6, 1, 7],
      expectedInputs: ANY_KIND,
      expectedOutputs: ANY_KIND,
      initialPrompts,
    });
    for (const options of all) ok(STATES.includes(await LanguageModel.availability(options)), JSON.stringify(options));
  },
  'availability: can be had without options': async () => ok((await LanguageModel.availability()) !== 'unavailable'),
  'availability: can be had with what is supported': async () => {
    for (const options of combinations({
      topK: [1, 1.5, 2, 3, 99],
      temperature: [0, 0.5, 1, 2],
      expectedInputs: TEXT_ONLY,
      expectedOutputs: TEXT_ONLY,
    })) {
      ok(
        ['downloadable', 'downloading', 'available'].includes(await LanguageModel.availability(options)),
        JSON.stringify(options),
      );
    }
  },
  'availability: unavailable, and refused by create, is what is not supported': async () => {
    for (const options of [
      { expectedInputs: [{ type: 'text', languages: ['unk'] }] },
      { expectedOutputs: [{ type: 'text', languages: ['unk'] }] },
      { expectedOutputs: [{ type: 'image' }] },
      { expectedOutputs: [{ type: 'audio' }] },
    ]) {
      equal(await LanguageModel.availability(options), 'unavailable');
      await rejects(LanguageModel.create(options), 'NotSupportedError');
    }
  },
  'availability: refuses a type that there is not': () =>
    rejects(LanguageModel.availability({ expectedInputs: [{ type: 'soup' }] }), TypeError),
  'availability: takes all modes of sampling': async () => {
    for (const samplingMode of MODES) ok(STATES.includes(await LanguageModel.availability({ samplingMode })));
  },
  'availability: refuses a mode with a temperature': () =>
    rejects(LanguageModel.availability({ samplingMode: 'balanced', temperature: 0.8 }), TypeError),
  'availability: refuses a mode with topK': () =>
    rejects(LanguageModel.availability({ samplingMode: 'balanced', topK: 10 }), TypeError),
  'availability: refuses a mode with both': () =>
    rejects(LanguageModel.availability({ samplingMode: 'balanced', temperature: 0.8, topK: 10 }), TypeError),

  'create: makes a session': async () => ok((await LanguageModel.create()) instanceof LanguageModel),
  'create: a session has the members of the interface': async () => {
    const session = await LanguageModel.create();
    for (const name of [
      'prompt',
      'promptStreaming',
      'append',
      'measureContextUsage',
      'measureInputUsage',
      'clone',
      'destroy',
    ])
      equal(typeof session[name], 'function', name);
    for (const name of ['contextUsage', 'contextWindow', 'inputUsage', 'inputQuota', 'topK', 'temperature'])
      equal(typeof session[name], 'number', name);
    for (const name of ['oncontextoverflow', 'onquotaoverflow']) equal(session[name], null, name);
  },
  'create: tells of the download': () => progressOf((options) => LanguageModel.create(options)),
  'create: tells of a download that takes its time': async () => {
    Object.assign(globalThis, { shares: [0.1, 0.30001, 0.7777777, 1] });
    try {
      await progressOf((options) => /** @type {any} */ (globalThis).another().create(options));
    } finally {
      Object.assign(globalThis, { shares: [] });
    }
  },
  'create: can be aborted at its first progress': () => heedsAbortAt(0, LanguageModel),
  'create: can be aborted at its last progress': () => heedsAbortAt(1, LanguageModel),
  'create: can be aborted at its first progress, with a model that is not there': () =>
    heedsAbortAt(0, /** @type {any} */ (globalThis).another()),
  'create: can be aborted at its last progress, with a model that was not there': () =>
    heedsAbortAt(1, /** @type {any} */ (globalThis).another()),
  'create: fails as its monitor does': async () => {
    const mine = new Error('mine');
    const monitor = () => {
      throw mine;
    };
    await rejects(LanguageModel.create({ monitor }), mine);
    await rejects(/** @type {any} */ (globalThis).another().create({ monitor }), mine);
  },
  'create: takes topK and temperature': async () => ok(await LanguageModel.create({ topK: 3, temperature: 0.6 })),
  'create: refuses topK alone': () => rejects(LanguageModel.create({ topK: 3 }), 'NotSupportedError'),
  'create: refuses a temperature alone': () => rejects(LanguageModel.create({ temperature: 0.5 }), 'NotSupportedError'),
  'create: refuses a temperature below 0': () =>
    rejects(LanguageModel.create({ topK: 3, temperature: -0.5 }), RangeError),
  'create: refuses a topK of 0': () => rejects(LanguageModel.create({ topK: 0, temperature: 0.5 }), RangeError),
  'create: refuses a topK below 0': () => rejects(LanguageModel.create({ topK: -2, temperature: 0.5 }), RangeError),
  'create: rounds topK down': async () => equal((await LanguageModel.create({ topK: 1.5, temperature: 0.5 })).topK, 1),
  'create: takes initial prompts': async () =>
    ok(
      await LanguageModel.create({
        initialPrompts: [SYSTEM, { role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }],
      }),
    ),
  'create: takes no initial prompts': async () => ok(await LanguageModel.create({ initialPrompts: [] })),
  'create: takes initial prompts without a system prompt': async () =>
    ok(
      await LanguageModel.create({
        initialPrompts: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      }),
    ),
  'create: refuses a system prompt that is not the first': () =>
    rejects(
      LanguageModel.create({
        initialPrompts: [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, SYSTEM],
      }),
      TypeError,
    ),
  'create: refuses two system prompts': () =>
    rejects(LanguageModel.create({ initialPrompts: [SYSTEM, SYSTEM, { role: 'user', content: 'a' }] }), TypeError),
  'create: refuses what is no language tag': () =>
    rejects(LanguageModel.create({ expectedInputs: [{ type: 'text', languages: ['en-abc-invalid'] }] }), RangeError),
  'create: takes language tags of any case': async () =>
    ok(await LanguageModel.create({ expectedInputs: [{ type: 'text', languages: ['EN'] }] })),
  'create: keeps the mode of sampling, and so does clone': async () => {
    for (const samplingMode of MODES) {
      const session = await LanguageModel.create({ samplingMode });
      const copy = await session.clone();
      equal(session.samplingMode, samplingMode);
      equal(copy.samplingMode, samplingMode);
      session.destroy();
      copy.destroy();
    }
  },
  'create: the mode is balanced if none is given': async () =>
    equal((await LanguageModel.create()).samplingMode, 'balanced'),
  'create: there is no mode beside numbers': async () =>
    equal((await LanguageModel.create({ topK: 10, temperature: 0.8 })).samplingMode, null),
  'create: refuses a mode with a temperature': () =>
    rejects(LanguageModel.create({ samplingMode: 'balanced', temperature: 0.8 }), TypeError),
  'create: refuses a mode with topK': () =>
    rejects(LanguageModel.create({ samplingMode: 'balanced', topK: 10 }), TypeError),
  'create: refuses a mode with both': () =>
    rejects(LanguageModel.create({ samplingMode: 'balanced', temperature: 0.8, topK: 10 }), TypeError),
  'create: refuses initial prompts that are too long': async () => {
    const session = await LanguageModel.create();
    const content = QUESTION.repeat(session.contextWindow);
    const measured = await session.measureInputUsage(content);
    ok(measured > session.inputQuota);
    await rejectsForQuota(
      LanguageModel.create({ initialPrompts: [{ role: 'system', content }] }),
      measured,
      session.contextWindow,
    );
  },
  'params: has the numbers': async () => {
    const params = await LanguageModel.params();
    for (const name of ['defaultTopK', 'maxTopK', 'defaultTemperature', 'maxTemperature'])
      equal(typeof params[name], 'number', name);
  },

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
  'abort: promptStreaming fails the stream, and throws when the signal has been aborted': async () => {
    const session = await LanguageModel.create();
    for (const reason of [undefined, new DOMException('mine', 'VersionError')]) {
      const stop = new AbortController();
      const stream = session.promptStreaming(QUESTION, { signal: stop.signal });
      stop.abort(reason);
      await rejects(stream.pipeTo(new WritableStream()), reason ?? 'AbortError');
      throws(() => session.promptStreaming(QUESTION, { signal: stop.signal }), reason ?? 'AbortError');
    }
  },
  'abort: prompt can be used afterwards': async () => {
    const session = await LanguageModel.create();
    const stop = new AbortController();
    const promise = session.prompt(QUESTION, { signal: stop.signal });
    stop.abort();
    await rejects(promise, 'AbortError');
    ok((await session.prompt(QUESTION)).length > 0);
  },
  'abort: promptStreaming can be used afterwards': async () => {
    const session = await LanguageModel.create();
    const stop = new AbortController();
    const stream = session.promptStreaming(QUESTION, { signal: stop.signal });
    stop.abort();
    await rejects(stream.pipeTo(new WritableStream()), 'AbortError');
    ok((await text(session.promptStreaming(QUESTION))).length > 0);
  },

  'destroy: what is asked, and what will be, fails; attributes can be read': async () => {
    const session = await LanguageModel.create();
    const pending = session.prompt(QUESTION);
    session.destroy();
    await rejects(pending, 'InvalidStateError');
    await rejects(session.prompt(QUESTION), 'InvalidStateError');
    for (const name of ['inputUsage', 'inputQuota', 'contextUsage', 'contextWindow'])
      equal(typeof session[name], 'number', name);
  },
  'destroy: an abort of the signal of create ends the session with its reason': async () => {
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

  'append: gives nothing': async () => equal(await (await LanguageModel.create()).append(QUESTION), undefined),
  'append: adds what was measured': async () => {
    const session = await LanguageModel.create();
    equal(session.contextUsage, 0);
    const measured = await session.measureContextUsage(QUESTION);
    ok(measured > 0);
    await session.append(QUESTION);
    equal(session.contextUsage, measured);
  },
  'append: an empty list adds nothing, an object its text': async () => {
    const session = await LanguageModel.create();
    await session.append([]);
    equal(session.contextUsage, 0);
    await session.append({});
    ok(session.contextUsage > 0);
  },
  'append: refuses what is longer than the context': async () => {
    const session = await LanguageModel.create();
    const long = QUESTION.repeat(session.contextWindow);
    const measured = await session.measureContextUsage(long);
    await rejectsForQuota(session.append(long), measured, session.contextWindow);
  },
  'append: refuses system prompts after other messages': () => refusesLateSystemPrompts('append'),
  'append: takes empty and converted inputs': async () => {
    const session = await LanguageModel.create();
    for (const input of Object.values(EMPTY)) equal(await session.append(input), undefined);
  },

  'prompt: gives a string': async () => equal(typeof (await (await LanguageModel.create()).prompt(QUESTION)), 'string'),
  'prompt: question and answer take what was measured': async () => {
    const session = await LanguageModel.create();
    equal(session.contextUsage, 0);
    const question = await session.measureContextUsage(QUESTION);
    const answer = await session.prompt(QUESTION);
    equal(session.contextUsage, question + (await session.measureContextUsage(answer)));
  },
  'prompt: an empty list is answered, an object is its text': async () => {
    const session = await LanguageModel.create();
    ok((await session.prompt([])).length > 0);
    ok((await session.prompt({})).includes('[object Object]'));
    ok((await session.prompt(null)).includes('null'));
    ok((await session.prompt(undefined)).includes('undefined'));
  },
  'prompt: answers a question': async () =>
    ok(/france/i.test(await (await LanguageModel.create()).prompt('What is the capital of France?'))),
  'prompt: initial prompts count, and are known': async () => {
    for (const content of [SYSTEM.content, [{ type: 'text', value: SYSTEM.content }]]) {
      const initialPrompts = [{ role: 'system', content }];
      const session = await LanguageModel.create({ initialPrompts });
      const measured = await session.measureContextUsage(initialPrompts);
      ok(measured > 0);
      equal(session.contextUsage, measured);
      ok((await session.prompt('What is the word of the day?')).includes('heron'));
    }
  },
  'prompt: more than the context holds leaves out the oldest, and says so': async () => {
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
  'prompt: refuses what is longer than the context': async () => {
    const session = await LanguageModel.create();
    const long = QUESTION.repeat(session.contextWindow);
    const measured = await session.measureContextUsage(long);
    await rejectsForQuota(session.prompt(long), measured, session.contextWindow);
  },
  'prompt: refuses system prompts after other messages': () => refusesLateSystemPrompts('prompt'),
  'prompt: refuses a system prompt after initial prompts': async () => {
    const session = await LanguageModel.create({ initialPrompts: [{ role: 'user', content: 'a' }] });
    await rejects(session.prompt([SYSTEM]), TypeError);
  },
  'prompt: the same question twice at once': async () => {
    const session = await LanguageModel.create();
    await Promise.all([session.prompt(QUESTION), session.prompt(QUESTION)]);
  },
  'prompt: two questions at once': async () => {
    const session = await LanguageModel.create();
    await Promise.all([session.prompt(QUESTION), session.prompt(OTHER)]);
  },
  'prompt: goes on after garbage was collected': async () => {
    const promise = (await LanguageModel.create()).prompt(QUESTION);
    /** @type {any} */ (globalThis).gc();
    equal(typeof (await promise), 'string');
  },
  ...Object.fromEntries(
    Object.entries(EMPTY).map(([name, input]) => [
      `prompt: takes ${name}`,
      async () => equal(typeof (await (await LanguageModel.create()).prompt(input)), 'string'),
    ]),
  ),

  'promptStreaming: gives a stream of text': async () => {
    const stream = (await LanguageModel.create()).promptStreaming(QUESTION);
    ok(stream instanceof ReadableStream);
    equal(Object.prototype.toString.call(stream), '[object ReadableStream]');
    ok((await text(stream)).length > 0);
  },
  'promptStreaming: the same question twice at once': async () => {
    const session = await LanguageModel.create();
    for (const answer of await Promise.all([
      text(session.promptStreaming(QUESTION)),
      text(session.promptStreaming(QUESTION)),
    ]))
      ok(answer);
  },
  'promptStreaming: two questions at once': async () => {
    const session = await LanguageModel.create();
    for (const answer of await Promise.all([
      text(session.promptStreaming(QUESTION)),
      text(session.promptStreaming(OTHER)),
    ]))
      ok(answer);
  },
  'promptStreaming: goes on after garbage was collected': async () => {
    const stream = (await LanguageModel.create()).promptStreaming(QUESTION);
    let answer = '';
    for await (const piece of stream) {
      answer += piece;
      /** @type {any} */ (globalThis).gc();
    }
    ok(answer);
  },
  'promptStreaming: gives streams for empty and converted inputs': async () => {
    const session = await LanguageModel.create();
    for (const input of Object.values(EMPTY)) ok(session.promptStreaming(input) instanceof ReadableStream);
  },
  ...Object.fromEntries(
    Object.entries(EMPTY).map(([name, input]) => [
      `promptStreaming: takes ${name}`,
      async () => equal(typeof (await text((await LanguageModel.create()).promptStreaming(input))), 'string'),
    ]),
  ),

  'measureContextUsage: a number above 0': async () => {
    const session = await LanguageModel.create();
    for (const measured of [
      await session.measureContextUsage('This is a text.'),
      await session.measureInputUsage('This is a text.'),
    ])
      ok(typeof measured === 'number' && measured > 0);
  },
  'measureContextUsage: messages of all roles, whatever was said': async () => {
    const messages = [SYSTEM, { role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }];
    const session = await LanguageModel.create({ initialPrompts: messages });
    ok((await session.measureContextUsage(messages)) > 0);
    ok((await session.measureInputUsage(messages)) > 0);
  },

  'clone: has what the session has, and goes its own way': async () => {
    const session = await LanguageModel.create();
    await session.prompt(QUESTION);
    const copy = await session.clone();
    for (const name of ['inputQuota', 'inputUsage', 'contextWindow', 'contextUsage', 'topK', 'temperature'])
      equal(copy[name], session[name], name);
    equal(typeof (await copy.prompt(QUESTION)), 'string');
    ok(copy.contextUsage > session.contextUsage);
  },

  'frames: the API can be used in a frame of the same origin': async () => {
    const { made, window } = await frame();
    ok(await window.LanguageModel.create());
    ok(['downloadable', 'downloading', 'available'].includes(await window.LanguageModel.availability()));
    made.remove();
  },
  'frames: code of a frame that was removed is refused': async () => {
    const { made, window } = await frame();
    const { LanguageModel: theirs, DOMException: Theirs } = window;
    made.remove();
    const error = await theirs.availability().catch((reason) => reason);
    ok(error instanceof Theirs && error.name === 'InvalidStateError', String(error));
  },
  'frames: one is removed while it is answered': async () => {
    const { made, window } = await frame();
    const session = await window.LanguageModel.create();
    session.prompt(QUESTION);
    made.remove();
    await new Promise((resolve) => setTimeout(resolve, 50));
  },
};

async function refusesLateSystemPrompts(method) {
  const session = await LanguageModel.create();
  await rejects(session[method]([{ role: 'user', content: 'a' }, SYSTEM]), TypeError);
  await rejects(session[method]([SYSTEM, SYSTEM]), TypeError);
  // No list, so this is text of the person's; the system prompt comes while it is answered.
  const first = session[method](SYSTEM);
  await rejects(session[method]([SYSTEM]), TypeError);
  await first;
}
