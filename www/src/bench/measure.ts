import type { Linnet } from 'linnet';

// Measures how fast a model reads and writes. The figures are the engine's own timings, from an answer's `timings`.

/** The lengths of the texts, in tokens. Those that do not fit into the context are left out. */
const LENGTHS = [32, 128, 512, 1024];
/** Tokens to generate after each text. */
const WRITTEN = 32;
const ROUNDS = 3;

/** The speeds for one length: medians of the rounds so far. */
export interface Row {
  /** The text's length, in tokens. */
  prompt: number;
  /** Milliseconds until the first token. */
  firstMs: number;
  /** Tokens per second. */
  reads: number;
  writes: number;
}

/** The progress of the measurement. */
export interface MeasureProgress {
  rows: Row[];
  /** From 0 to 1. */
  done: number;
  text: string;
}

/** Measures in rounds over all lengths, so that a short disturbance does not affect all rounds of one length. */
export async function* measure(linnet: Linnet, signal: AbortSignal): AsyncGenerator<MeasureProgress> {
  const most = linnet.info().model.context_length - WRITTEN;
  const lengths = LENGTHS.filter((length) => length <= most);
  const found = new Map<number, Row[]>(lengths.map((length) => [length, []]));
  // The first answer warms up the others.
  yield { rows: [], done: 0, text: 'Warming up…' };
  await ask(linnet, lengths[0] ?? 1, 0, signal);
  let count = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    for (const length of lengths) {
      yield {
        rows: medians(found),
        done: count / (ROUNDS * lengths.length),
        text: `Round ${round} of ${ROUNDS}: ${length} tokens…`,
      };
      found.get(length)!.push(await ask(linnet, length, ++count, signal));
    }
  }
  yield { rows: medians(found), done: 1, text: 'Done.' };
}

async function ask(linnet: Linnet, length: number, run: number, signal: AbortSignal): Promise<Row> {
  // Each text starts with another token: the engine does not read again what it has read before.
  const prompt = Array.from({ length }, (_, i) => 300 + ((i * 31 + run * 17) % 500));
  const { timings } = await linnet.completions.create({
    prompt,
    max_tokens: WRITTEN,
    ignore_eos: true,
    temperature: 0,
    signal,
  });
  return {
    prompt: timings.prompt_n,
    firstMs: timings.prompt_ms,
    reads: timings.prompt_per_second,
    writes: timings.predicted_per_second,
  };
}

function medians(found: ReadonlyMap<number, readonly Row[]>): Row[] {
  const measured = [...found].filter(([, rows]) => rows.length > 0);
  return measured.map(([prompt, rows]) => {
    const middle = (field: 'firstMs' | 'reads' | 'writes') => {
      const sorted = rows.map((row) => row[field]).sort((one, other) => one - other);
      const half = sorted.length >> 1;
      return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
    };
    return { prompt, firstMs: middle('firstMs'), reads: middle('reads'), writes: middle('writes') };
  });
}
