// Checks of the Prompt API: availability, creating sessions, frames.

import {
  combinations,
  equal,
  heedsAbortAt,
  ok,
  progressOf,
  rejects,
  rejectsForQuota,
  QUESTION,
  SYSTEM,
} from './prompt-api-expect.mjs';

const LanguageModel = /** @type {any} */ (globalThis).LanguageModel;
const STATES = ['unavailable', 'downloadable', 'downloading', 'available'];
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

/** Adds a frame of this origin that also has the API. */
async function frame() {
  const made = document.createElement('iframe');
  made.src = location.href;
  document.body.append(made);
  await new Promise((resolve) => (made.onload = resolve));
  while (!(/** @type {any} */ (made.contentWindow).installed)) await new Promise((resolve) => setTimeout(resolve, 10));
  return { made, window: /** @type {any} */ (made.contentWindow) };
}

/** @type {Record<string, () => unknown>} */
export const createChecks = {
  'availability: the method exists': () => ok(LanguageModel && typeof LanguageModel.availability === 'function'),
  'availability: is a value of the enumeration without options': async () =>
    ok(STATES.includes(await LanguageModel.availability())),
  'availability: rejects an invalid language tag': () =>
    rejects(
      LanguageModel.availability({ expectedInputs: [{ type: 'text', languages: ['en-abc-invalid'] }] }),
      RangeError,
    ),
  'availability: is a value of the enumeration for any plausible options': async () => {
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
  'availability: is not unavailable without options': async () =>
    ok((await LanguageModel.availability()) !== 'unavailable'),
  'availability: is not unavailable for supported options': async () => {
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
  'availability: is unavailable for unsupported options, which create rejects': async () => {
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
  'availability: rejects an unknown type': () =>
    rejects(LanguageModel.availability({ expectedInputs: [{ type: 'soup' }] }), TypeError),
  'availability: accepts every sampling mode': async () => {
    for (const samplingMode of MODES) ok(STATES.includes(await LanguageModel.availability({ samplingMode })));
  },
  'availability: rejects a sampling mode with a temperature': () =>
    rejects(LanguageModel.availability({ samplingMode: 'balanced', temperature: 0.8 }), TypeError),
  'availability: rejects a sampling mode with topK': () =>
    rejects(LanguageModel.availability({ samplingMode: 'balanced', topK: 10 }), TypeError),
  'availability: rejects a sampling mode with both': () =>
    rejects(LanguageModel.availability({ samplingMode: 'balanced', temperature: 0.8, topK: 10 }), TypeError),

  'create: returns a session': async () => ok((await LanguageModel.create()) instanceof LanguageModel),
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
  'create: reports the download': () => progressOf((options) => LanguageModel.create(options)),
  'create: reports a slow download': async () => {
    Object.assign(globalThis, { shares: [0.1, 0.30001, 0.7777777, 1] });
    try {
      await progressOf((options) => /** @type {any} */ (globalThis).another().create(options));
    } finally {
      Object.assign(globalThis, { shares: [] });
    }
  },
  'create: can be aborted at the first progress event': () => heedsAbortAt(0, LanguageModel),
  'create: can be aborted at the last progress event': () => heedsAbortAt(1, LanguageModel),
  'create: can be aborted at the first progress event of a model that is not stored': () =>
    heedsAbortAt(0, /** @type {any} */ (globalThis).another()),
  'create: can be aborted at the last progress event of a model that was not stored': () =>
    heedsAbortAt(1, /** @type {any} */ (globalThis).another()),
  'create: rejects with the error of its monitor': async () => {
    const mine = new Error('mine');
    const monitor = () => {
      throw mine;
    };
    await rejects(LanguageModel.create({ monitor }), mine);
    await rejects(/** @type {any} */ (globalThis).another().create({ monitor }), mine);
  },
  'create: accepts topK and temperature': async () => ok(await LanguageModel.create({ topK: 3, temperature: 0.6 })),
  'create: rejects topK alone': () => rejects(LanguageModel.create({ topK: 3 }), 'NotSupportedError'),
  'create: rejects a temperature alone': () => rejects(LanguageModel.create({ temperature: 0.5 }), 'NotSupportedError'),
  'create: rejects a temperature below 0': () =>
    rejects(LanguageModel.create({ topK: 3, temperature: -0.5 }), RangeError),
  'create: rejects a topK of 0': () => rejects(LanguageModel.create({ topK: 0, temperature: 0.5 }), RangeError),
  'create: rejects a topK below 0': () => rejects(LanguageModel.create({ topK: -2, temperature: 0.5 }), RangeError),
  'create: rounds topK down': async () => equal((await LanguageModel.create({ topK: 1.5, temperature: 0.5 })).topK, 1),
  'create: accepts initial prompts': async () =>
    ok(
      await LanguageModel.create({
        initialPrompts: [SYSTEM, { role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }],
      }),
    ),
  'create: accepts an empty list of initial prompts': async () =>
    ok(await LanguageModel.create({ initialPrompts: [] })),
  'create: accepts initial prompts without a system prompt': async () =>
    ok(
      await LanguageModel.create({
        initialPrompts: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      }),
    ),
  'create: rejects a system prompt that is not the first': () =>
    rejects(
      LanguageModel.create({
        initialPrompts: [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, SYSTEM],
      }),
      TypeError,
    ),
  'create: rejects two system prompts': () =>
    rejects(LanguageModel.create({ initialPrompts: [SYSTEM, SYSTEM, { role: 'user', content: 'a' }] }), TypeError),
  'create: rejects an invalid language tag': () =>
    rejects(LanguageModel.create({ expectedInputs: [{ type: 'text', languages: ['en-abc-invalid'] }] }), RangeError),
  'create: accepts language tags in any case': async () =>
    ok(await LanguageModel.create({ expectedInputs: [{ type: 'text', languages: ['EN'] }] })),
  'create: keeps the sampling mode, and so does clone': async () => {
    for (const samplingMode of MODES) {
      const session = await LanguageModel.create({ samplingMode });
      const copy = await session.clone();
      equal(session.samplingMode, samplingMode);
      equal(copy.samplingMode, samplingMode);
      session.destroy();
      copy.destroy();
    }
  },
  'create: the sampling mode is balanced by default': async () =>
    equal((await LanguageModel.create()).samplingMode, 'balanced'),
  'create: the sampling mode is null with topK and temperature': async () =>
    equal((await LanguageModel.create({ topK: 10, temperature: 0.8 })).samplingMode, null),
  'create: rejects a sampling mode with a temperature': () =>
    rejects(LanguageModel.create({ samplingMode: 'balanced', temperature: 0.8 }), TypeError),
  'create: rejects a sampling mode with topK': () =>
    rejects(LanguageModel.create({ samplingMode: 'balanced', topK: 10 }), TypeError),
  'create: rejects a sampling mode with both': () =>
    rejects(LanguageModel.create({ samplingMode: 'balanced', temperature: 0.8, topK: 10 }), TypeError),
  'create: rejects initial prompts that are too long': async () => {
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
  'params: has all numbers': async () => {
    const params = await LanguageModel.params();
    for (const name of ['defaultTopK', 'maxTopK', 'defaultTemperature', 'maxTemperature'])
      equal(typeof params[name], 'number', name);
  },

  'frames: the API works in a frame of the same origin': async () => {
    const { made, window } = await frame();
    ok(await window.LanguageModel.create());
    ok(['downloadable', 'downloading', 'available'].includes(await window.LanguageModel.availability()));
    made.remove();
  },
  'frames: calls from a removed frame are rejected': async () => {
    const { made, window } = await frame();
    const { LanguageModel: theirs, DOMException: Theirs } = window;
    made.remove();
    const error = await theirs.availability().catch((reason) => reason);
    ok(error instanceof Theirs && error.name === 'InvalidStateError', String(error));
  },
  'frames: a frame can be removed during an answer': async () => {
    const { made, window } = await frame();
    const session = await window.LanguageModel.create();
    session.prompt(QUESTION);
    made.remove();
    await new Promise((resolve) => setTimeout(resolve, 50));
  },
};
