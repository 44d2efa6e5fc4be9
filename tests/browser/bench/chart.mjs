// Draws the speeds as a chart. Alone: node bench/chart.mjs REPORT.json CHART.svg
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The prompt whose length is nearest to this is drawn. */
const PROMPT = 250;
const WIDTH = 900;
const LABELS = 215;
const GAP = 24;
/** Space for the number after a bar. */
const NUMBER = 64;
const ROW = 20;
const PANEL = (WIDTH - LABELS - 2 * GAP) / 2;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 15px }
  .quiet { fill: #57606a; font-size: 12px }
  .b0 { fill: #0969da } .b1 { fill: #54aeff } .b2 { fill: #8c959f } .b3 { fill: #d4a72c } .b4 { fill: #0a3069 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .b0 { fill: #4493f8 } .b1 { fill: #1f6feb } .b2 { fill: #6e7681 } .b3 { fill: #bb8009 } .b4 { fill: #a5d6ff }
  }`;

const escaped = (text) => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);

/** A colour class per engine, in the order in which they first occur. */
const colours = (models) => [...new Set(models.flatMap(({ speeds }) => speeds.map(({ engine }) => engine)))];

/** An SVG of a report's prefill and decode speeds, readable on light and dark backgrounds. */
export function chart({ browser, cpu, models }) {
  const engines = colours(models);
  const parts = [];
  const write = (x, y, words, kind = '') =>
    parts.push(`<text x="${x.toFixed(1)}" y="${y}"${kind && ` class="${kind}"`}>${escaped(words)}</text>`);
  let y = 28;
  write(GAP / 2, y, 'Tokens per second on the CPU', 'title');
  y += 20;
  write(GAP / 2, y, `${browser}, ${cpu}; medians; longer is faster`, 'quiet');
  for (const { file, speeds } of models.filter(({ speeds }) => speeds.length)) {
    const near = (a, b) => (Math.abs(b.prompt - PROMPT) < Math.abs(a.prompt - PROMPT) ? b : a);
    const nearest = speeds.reduce(near).prompt;
    // An engine that did not run that prompt is shown with another one.
    const same = (a) => (b) => a.engine === b.engine && a.threads === b.threads;
    const drawn = speeds.filter((speed) => speed === speeds.filter(same(speed)).reduce(near));
    drawn.sort((a, b) => engines.indexOf(a.engine) - engines.indexOf(b.engine));
    const others = drawn
      .filter(({ prompt }) => prompt !== nearest)
      .map(({ engine, prompt }) => `; ${engine.split(/[ ,]/)[0]}: ${prompt}`);
    y += 38;
    write(GAP / 2, y, file, 'title');
    y += 22;
    const left = (panel) => GAP / 2 + LABELS + panel * (PANEL + GAP);
    write(left(0), y, `prefill, tokens: ${nearest}${[...new Set(others)].join('')}`, 'quiet');
    write(left(1), y, 'decode', 'quiet');
    for (const threads of new Set(drawn.map((speed) => speed.threads))) {
      y += ROW;
      write(GAP / 2, y, threads === 1 ? '1 thread' : `${threads} threads`, 'quiet');
      for (const speed of drawn.filter((speed) => speed.threads === threads)) {
        y += ROW;
        write(GAP / 2 + 10, y, speed.engine);
        for (const [panel, what] of ['prefill', 'decode'].entries()) {
          const most = Math.max(...drawn.map((speed) => speed[what].median));
          const length = Math.max(1, (speed[what].median / most) * (PANEL - NUMBER));
          parts.push(
            `<rect x="${left(panel).toFixed(1)}" y="${y - 12}" width="${length.toFixed(1)}" height="15" ` +
              `rx="2" class="b${engines.indexOf(speed.engine) % 5}"/>`,
          );
          write(left(panel) + length + 6, y, speed[what].median.toFixed(speed[what].median < 100 ? 1 : 0));
        }
      }
    }
  }
  const height = y + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"
  role="img" aria-label="Speeds of Linnet and other engines">
<style>${STYLE}
</style>
${parts.join('\n')}
</svg>
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [report, svg] = process.argv.slice(2);
  writeFileSync(svg, chart(JSON.parse(readFileSync(report, 'utf8'))));
}
