import {
  type Counters,
  type DeviceProbe,
  type EngineInfo,
  Linnet,
  type ListedModel,
  models,
  type StorageReport,
  type StoredModel,
} from 'linnet';
import { plainName } from 'linnet/markdown';
import { copies } from '../page/clipboard.ts';
import { engineFacts, type Fact, factNodes } from '../page/facts.ts';
import { bytes, whole } from '../page/format.ts';
import { keepSite } from '../page/offline.ts';
import { element } from '../page/page.ts';
import { loadWith, sayBefore, Status } from '../models/progress.ts';
import { Query } from '../page/query.ts';
import { asLinnetError, errorMessage } from '../page/error-messages.ts';
import { settingsFrom } from '../page/load-settings.ts';

const tryButton = element('try', HTMLButtonElement);
const reset = element('reset', HTMLButtonElement);
const status = new Status();
const query = new Query(location.search);
const settings = settingsFrom(query);

/** The facts about the storage so far. */
let storage: Fact[] = [];

/** All results, for the report. */
const found: {
  browser: string;
  offline: string;
  device?: DeviceProbe;
  storage?: StorageReport;
  stored?: StoredModel[];
  engine?: EngineInfo;
  error?: object;
} = {
  browser: navigator.userAgent,
  offline: 'checking…',
};

tryButton.addEventListener('click', () => void tryEngine());
reset.addEventListener('click', () => {
  Linnet.resetRecovery();
  reset.hidden = true;
  tryButton.focus();
  status.show('Forgotten. The next load uses the full settings again.');
});
copies(
  element('copy', HTMLButtonElement),
  () => `${JSON.stringify(found, null, 2)}\n`,
  (text) => status.show(text),
);
keepSite((state) => {
  found.offline = state;
  showStorage();
});
void sayBefore(query, settings, status);
void probe();

async function probe(): Promise<void> {
  found.device = (await models.recommend()).device;
  show('device', deviceFacts(found.device));
  await lookAtStorage();
  document.documentElement.dataset['probed'] = 'yes';
}

async function lookAtStorage(): Promise<void> {
  try {
    found.stored = await models.stored();
    found.storage = await models.storage();
    storage = storageFacts(found.storage, found.stored);
  } catch (error) {
    storage = [['Models', errorMessage(asLinnetError(error))]];
  }
  showStorage();
}

/** Shows what is stored, and whether the site works offline. */
function showStorage(): void {
  show('storage', [...storage, ['Works offline', plainName(found.offline)]]);
}

/** Loads the model, which runs the kernels' self-test, and lets it write a few words. */
async function tryEngine(): Promise<void> {
  tryButton.disabled = true;
  delete found.engine;
  delete found.error;
  try {
    const linnet = await loadWith(settings, status, new AbortController().signal);
    try {
      status.show('Writing a few words…', undefined);
      await linnet.completions.create({
        prompt: 'The linnet is a small bird',
        max_tokens: 16,
        ignore_eos: true,
        temperature: 0,
      });
      found.engine = linnet.info();
    } finally {
      linnet.dispose();
    }
    showEngine(found.engine);
    await lookAtStorage();
    status.show(
      found.engine.disabled_features?.length
        ? 'It works. Some GPU features gave wrong results here and are not used.'
        : 'It works.',
    );
  } catch (error) {
    const { code, message, details } = asLinnetError(error);
    found.error = { code, message, details };
    await lookAtStorage();
    status.show(`${errorMessage(asLinnetError(error))} (${code})`);
  }
  tryButton.disabled = false;
  tryButton.focus();
}

function showEngine(info: EngineInfo): void {
  element('before', HTMLElement).hidden = true;
  const { weights, kv, scratch, heap } = info.memory;
  const facts: Fact[] = engineFacts(info, settings.model).map(([term, value]) =>
    term === 'Memory'
      ? [term, `${value}: weights ${bytes(weights)}, context ${bytes(kv)}, work ${bytes(scratch)}; wasm ${bytes(heap)}`]
      : [term, value],
  );
  const { recovered } = info;
  show('engine', [
    ...facts,
    ['Module', info.module],
    ['Self-test', info.backend === 'cpu' || info.disabled_features?.length ? undefined : 'passed'],
    ['Stored', info.stored ? 'yes' : (info.notStored?.message ?? 'no')],
    ['After a crash', recovered && `${recovered.step}, after ${recovered.crashes} (${recovered.phase})`],
  ]);
  element('engine', HTMLElement).hidden = false;
  reset.hidden = !recovered;
  for (const id of ['counters', 'counters-title']) element(id, HTMLElement).hidden = !info.counters;
  if (info.counters) show('counters', counterFacts(info.counters));
}

function deviceFacts({ gpu, ...device }: DeviceProbe): Fact[] {
  const kind = { hardware: 'yes', software: 'emulated in software: slower than the CPU', none: 'none' }[gpu.kind];
  return [
    ['WebGPU', [kind, gpu.vendor, gpu.architecture].filter(Boolean).join(', ')],
    ['Largest buffer', gpu.maxBufferSize === undefined ? undefined : bytes(gpu.maxBufferSize)],
    [
      'Largest binding',
      gpu.maxStorageBufferBindingSize === undefined ? undefined : bytes(gpu.maxStorageBufferBindingSize),
    ],
    ['GPU features', gpu.features.join(', ')],
    ['Memory', device.memory === undefined ? 'the browser does not say' : `${bytes(device.memory)} or more`],
    ['Processors', whole(device.cores)],
    ['Threads', device.isolated ? whole(device.threads) : '1: the page is not cross-origin isolated'],
    ['Wasm SIMD', device.simd ? 'yes' : 'no'],
    ['Phone or tablet', device.mobile ? 'yes' : 'no'],
    ['Secure page', isSecureContext ? 'yes' : 'no: nothing can be stored'],
    ['Browser', found.browser],
  ];
}

function storageFacts({ quota, free, persisted }: StorageReport, stored: readonly StoredModel[]): Fact[] {
  const entries = stored.map(
    ({ model, name, storedBytes, whole, bytes: all }): Fact => [
      storedName(model, name),
      `${bytes(storedBytes)}${whole ? '' : all ? ` of ${bytes(all)}` : ', not whole'}`,
    ],
  );
  return [
    [
      'Free',
      free === undefined || quota === undefined
        ? 'the browser does not say'
        : `about ${bytes(free)} of ${bytes(quota)}`,
    ],
    ['Kept when space is low', persisted ? 'yes' : 'no: the browser may delete models'],
    ...(entries.length > 0 ? entries : [['Models', 'none yet'] as Fact]),
  ];
}

/** A listed model's name; for a model of several files, with the number of this one. */
function storedName(model: ListedModel | undefined, file: string): string {
  if (!model) return plainName(file);
  return model.files.length > 1 ? `${model.name}, ${plainName(file)}` : model.name;
}

function counterFacts(counters: Counters): Fact[] {
  const names: [keyof Counters, string][] = [
    ['dispatches', 'Kernels'],
    ['submits', 'Submissions'],
    ['readbacks', 'Readbacks'],
    ['bytes_written', 'Bytes written'],
    ['bytes_read', 'Bytes read'],
    ['buffers', 'Buffers made'],
    ['bind_groups', 'Bind groups made'],
    ['pipelines', 'Pipelines made'],
    ['queue_empty_us', 'Queue empty, µs'],
  ];
  return names.map(([name, term]) => [term, counters[name].toLocaleString('en', { maximumFractionDigits: 1 })]);
}

function show(id: string, facts: readonly Fact[]): void {
  element(id, HTMLElement).replaceChildren(...factNodes(facts));
}
