import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChatRequest } from '../../src/api/types.ts';
import type { GenerationEvent } from '../../src/protocol/generated.ts';

/** A turn that the Rust tests have recorded: the engine's request, and the events of its answer. */
export interface RecordedTurn {
  request: ChatRequest;
  events: GenerationEvent[];
}

/** The turns of a recording in `tests/fixtures`. A line with a request starts a turn; its events follow. */
export function recording(name: string): RecordedTurn[] {
  const text = readFileSync(join(process.cwd(), '..', 'tests', 'fixtures', name), 'utf8');
  const turns: RecordedTurn[] = [];
  for (const line of text.trim().split('\n')) {
    const read = JSON.parse(line) as { request: ChatRequest } | GenerationEvent;
    if ('request' in read) turns.push({ request: read.request, events: [] });
    else turns.at(-1)!.events.push(read);
  }
  return turns;
}
