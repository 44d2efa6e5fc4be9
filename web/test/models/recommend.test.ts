import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeviceProbe } from '../../src/page/device-probe.ts';
import { models } from '../../src/models/models.ts';
import { completeEntry } from '../../src/models/entry.ts';
import { recommendFor, type RecommendOptions } from '../../src/models/recommend.ts';

const GB = 2 ** 30;
const MB = 2 ** 20;

const DESKTOP: DeviceProbe = {
  gpu: {
    kind: 'hardware',
    maxBufferSize: 4 * GB,
    maxStorageBufferBindingSize: 2 * GB,
    features: ['shader-f16', 'subgroups'],
    vendor: 'nvidia',
  },
  memory: 32 * GB,
  mobile: false,
  cores: 16,
  isolated: true,
  threads: 8,
  simd: true,
  wasmMemory: 4 * GB,
  storage: { quota: 100 * GB, free: 90 * GB, persisted: true },
};
const NO_GPU: DeviceProbe = {
  ...DESKTOP,
  gpu: { kind: 'none', features: [] },
  memory: 8 * GB,
  isolated: false,
  threads: 1,
  cores: 4,
};
const ANDROID: DeviceProbe = { ...DESKTOP, memory: 4 * GB, mobile: true, cores: 8, threads: 1, isolated: false };
const IPHONE: DeviceProbe = { ...ANDROID, memory: undefined };

const HASH = '0'.repeat(64);

const say = (device: DeviceProbe, options?: RecommendOptions) => {
  const { best, models: fits } = recommendFor(models, device, options);
  const of = (id: string) => fits.find(({ model }) => model.id === id)!;
  return { best: best?.model.id, of, fits, codes: (id: string) => of(id).reasons.map(({ code }) => code) };
};

test('a desktop with a hardware GPU runs every model; the largest is recommended', () => {
  const { best, fits, of } = say(DESKTOP);
  assert.deepEqual(
    fits.filter(({ fits }) => fits !== 'yes').map(({ model }) => model.id),
    [],
  );
  assert.equal(best, 'gpt-oss-20b');
  assert.ok(fits.every(({ backend }) => backend === 'webgpu'));
  assert.equal(of('qwen3-4b').contextLength, 32_768);
  assert.equal(of('smollm2-135m-instruct').contextLength, 8192, 'at most the length that it was trained for');
});

test('without a GPU large models do not run, and medium ones would be slow', () => {
  const { best, of, codes } = say(NO_GPU);
  assert.deepEqual([of('qwen3-4b').fits, codes('qwen3-4b')], ['no', ['no-gpu']]);
  assert.deepEqual([of('qwen3.5-2b').fits, codes('qwen3.5-2b')], ['maybe', ['unchecked', 'slow']]);
  assert.deepEqual(
    [of('gemma-4-e2b-it').fits, codes('gemma-4-e2b-it')],
    ['no', ['memory']],
    'it is larger than any wasm memory',
  );
  assert.equal(of('smollm2-135m-instruct').backend, 'cpu');
  assert.equal(best, 'qwen3-0.6b');
  assert.match(
    say({ ...NO_GPU, gpu: { kind: 'software', features: [] } }).of('qwen3-4b').reasons[0]!.message,
    /software/,
  );
});

test('a phone runs smaller models, and without a known memory still smaller ones', () => {
  const android = say(ANDROID);
  assert.deepEqual([android.of('qwen3-8b').fits, android.codes('qwen3-8b')], ['no', ['memory']]);
  assert.equal(android.of('qwen3-0.6b').fits, 'yes');
  const iphone = say(IPHONE);
  assert.deepEqual(
    [iphone.of('smollm2-135m-instruct').fits, iphone.of('qwen3-0.6b').fits, iphone.of('gemma-4-e2b-it').fits],
    ['yes', 'maybe', 'no'],
  );
  const { need, possible } = iphone.of('gemma-4-e2b-it').reasons[0]!.details;
  assert.ok(Number(need) > Number(possible));
});

test('the context is chosen from the free memory', () => {
  const tight = say({ ...ANDROID, memory: 4 * 1100 * MB });
  const { contextLength, memoryBytes, fits } = tight.of('qwen3-0.6b');
  assert.deepEqual([fits, contextLength % 256], ['yes', 0]);
  assert.ok(contextLength >= 1024 && contextLength < 8192, String(contextLength));
  assert.ok(memoryBytes! <= 1100 * MB);
  assert.equal(say(ANDROID, { contextLength: 30_000 }).of('qwen3-0.6b').fits, 'no');
});

test('reasons name the GPU’s limits', () => {
  const small = say({ ...DESKTOP, gpu: { ...DESKTOP.gpu, maxBufferSize: 128 * MB } });
  assert.deepEqual(small.of('gpt-oss-20b').reasons, [
    {
      code: 'gpu-limit',
      message: 'One of its tensors is larger than this GPU’s largest buffer.',
      details: { need: 141_004_800, have: 128 * MB },
    },
  ]);
  assert.equal(small.of('gpt-oss-20b').fits, 'no');
});

test('missing space to store is mentioned, but does not exclude a model', () => {
  const { of, best } = say({ ...DESKTOP, storage: { quota: GB, free: 0.2 * GB, persisted: false } });
  assert.deepEqual(
    [of('qwen3-0.6b').fits, of('qwen3-0.6b').reasons.map(({ code, details }) => [code, details['free']])],
    ['yes', [['storage', 0.2 * GB]]],
  );
  assert.deepEqual(of('smollm2-135m-instruct').reasons, []);
  assert.equal(best, 'gpt-oss-20b');
  const { storage: _, ...none } = DESKTOP;
  assert.deepEqual(say(none).codes('smollm2-135m-instruct'), ['storage']);
});

test('without GPU and SIMD no model fits', () => {
  const { best, fits } = say({ ...NO_GPU, simd: false });
  assert.equal(best, undefined);
  assert.ok(fits.every(({ fits, reasons }) => fits === 'no' && reasons[0]!.code === 'no-simd'));
});

test('a model of unknown size may fit; a language limits the choice', () => {
  const own = completeEntry({ id: 'own', files: [{ url: 'a.gguf', sha256: HASH }], languages: ['mi'] });
  const [fit] = recommendFor([own], DESKTOP).models;
  assert.deepEqual([fit!.fits, fit!.reasons.map(({ code }) => code)], ['maybe', ['unknown-size']]);
  assert.equal(say(DESKTOP, { language: 'hi' }).best, 'gemma-4-e4b-it');
  assert.equal(say(DESKTOP, { language: 'tlh' }).best, undefined);
});

test('a model whose files cannot be checked may be chosen, but is not recommended', () => {
  const first = { url: 'a.gguf', bytes: 300 * MB, sha256: HASH };
  const models = [
    completeEntry({ id: 'checked', files: [first] }),
    completeEntry({ id: 'half', files: [first, { url: 'b.gguf', bytes: 300 * MB }] }),
  ];
  const { best, models: fits } = recommendFor(models, DESKTOP);
  assert.equal(best?.model.id, 'checked');
  assert.deepEqual(
    fits.map(({ fits, reasons }) => [fits, reasons.map(({ code }) => code)]),
    [
      ['yes', []],
      ['yes', ['unchecked']],
    ],
  );
  assert.match(fits[1]!.reasons[0]!.message, /not recommended/);
  assert.equal(recommendFor([models[1]!], DESKTOP).best, undefined);
});
