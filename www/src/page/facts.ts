import type { EngineInfo, ModelSource } from 'linnet';
import { plainName } from 'linnet/markdown';
import { bytes, parameters, tokens } from './format.ts';
import { make } from './page.ts';
import { nameOf } from './load-settings.ts';

/** A term and its value; terms without a value are left out. */
export type Fact = [term: string, value: string | undefined];

/** The terms and values, for a `dl`. */
export function factNodes(facts: readonly Fact[]): HTMLElement[] {
  return facts.flatMap(([term, value]) => (value ? [make('dt', '', term), make('dd', '', value)] : []));
}

/** "WebGPU", or "CPU, 1 thread". */
export function device(info: EngineInfo): string {
  return info.backend === 'webgpu' ? 'WebGPU' : `CPU, ${info.threads === 1 ? '1 thread' : `${info.threads} threads`}`;
}

/** The engine's facts about itself. */
export function engineFacts(info: EngineInfo, source: ModelSource): Fact[] {
  const { model, adapter, memory } = info;
  const origin = { network: 'from the network', cache: 'from this browser’s storage', file: 'from your file' }[
    info.origin
  ];
  return [
    ['Model', nameOf(source, info)],
    ['Kind', `${plainName(model.architecture)}, ${parameters(model.parameters)} parameters, ${model.quantization}`],
    ['Loaded', `${bytes(model.file_bytes)} ${origin}`],
    ['Context', tokens(model.context_length)],
    ['Runs on', device(info)],
    ['Graphics', adapter && (adapter.fallback ? `${adapter.description} (software)` : adapter.description)],
    ['Uses', info.features.join(', ')],
    ['Disabled features', info.disabled_features?.join('; ')],
    ['Memory', bytes(memory.weights + memory.kv + memory.scratch)],
    ['Why not WebGPU', info.fallback?.message],
  ];
}
