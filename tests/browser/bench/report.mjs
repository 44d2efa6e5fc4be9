// Summarizes measurements as tables.

/** The engine that the others are compared with. */
export const OURS = 'Linnet, Chromium';

/** Linnet with the module that the package does not choose on this processor. */
export const otherModule = (relaxedSimd) => `Linnet, ${relaxedSimd ? 'relaxed' : 'plain'} SIMD`;

/** Summarizes several runs. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1], runs: values };
}

/** The median, the minimum and the maximum. */
const cell = ({ median, min, max }, digits = 1) =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
const times = (a, b) => `${(a / b).toFixed(2)}x`;

/** The lines of a table. The first column is left-aligned, the others right-aligned. */
function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (text, column) => (column ? text.padStart(widths[column]) : text.padEnd(widths[0]));
  return rows.map((row) => row.map(pad).join('   ').trimEnd());
}

function speedLines({ speeds }) {
  const rows = [
    ['engine', 'threads', 'prompt', 'prefill tokens/s', 'Linnet is', 'decode tokens/s', 'Linnet is', 'runs'],
  ];
  for (const speed of speeds) {
    const ours = speeds.find(
      ({ engine, threads, prompt }) => engine === OURS && threads === speed.threads && prompt === speed.prompt,
    );
    const ratio = (what) => (ours && ours !== speed ? times(ours[what].median, speed[what].median) : '');
    rows.push([
      speed.engine,
      String(speed.threads),
      String(speed.prompt),
      cell(speed.prefill),
      ratio('prefill'),
      cell(speed.decode),
      ratio('decode'),
      String(speed.decode.runs.length),
    ]);
  }
  return aligned(rows);
}

function contextLines({ context }) {
  const rows = [
    ['decode after this many tokens', 'threads', ...context[0].decode.map(({ prompt }) => String(prompt)), 'kept'],
  ];
  for (const { threads, decode } of context) {
    const [near, far] = decode;
    rows.push([
      OURS,
      String(threads),
      ...decode.map(({ speed }) => cell(speed)),
      `${((100 * far.speed.median) / near.speed.median).toFixed(0)} %`,
    ]);
  }
  return aligned(rows);
}

function loadLines({ load: { threads, load, first, read, prefill, ratio } }) {
  return [
    `from OPFS, threads ${threads}, milliseconds: load ${cell(load, 0)}, load to first token of 40 ${cell(first, 0)}`,
    `plain read ${cell(read, 0)} + prefill of 40 ${cell(prefill, 0)}; the former is ${ratio.toFixed(2)}x these`,
  ];
}

function memoryLines({ memory: { file, kv, loaded, generated, limit } }) {
  const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `wasm memory: ${mb(loaded)} after loading, ${mb(generated)} after an answer; ` +
      `1.15 x ${mb(file)} of weights + ${mb(kv)} of KV + 40 MB are ${mb(limit)}`,
  ];
}

/** The whole report as text. */
export function text({ browser, cpu, threads, notes, models }) {
  const lines = [
    `${browser}, ${cpu}; threads ${threads.join(' and ')}`,
    'median (least-most), the engines taking turns',
    ...notes,
  ];
  for (const model of models) {
    lines.push('', model.file);
    if (model.speeds.length) lines.push(...speedLines(model));
    if (model.context.length) lines.push('', ...contextLines(model));
    if (model.load) lines.push('', ...loadLines(model), ...memoryLines(model));
  }
  return lines.join('\n');
}
