import type { EngineInfo } from 'linnet';
import { copies } from '../page/clipboard.ts';
import { device, factNodes } from '../page/facts.ts';
import { whole } from '../page/format.ts';
import { measure, type Row } from './measure.ts';
import { keepSite } from '../page/offline.ts';
import { element, make } from '../page/page.ts';
import { loadWith, sayBefore, Status } from '../models/progress.ts';
import { Query } from '../page/query.ts';
import { asLinnetError, errorMessage } from '../page/error-messages.ts';
import { nameOf, settingsFrom } from '../page/load-settings.ts';

const run = element('run', HTMLButtonElement);
const stop = element('stop', HTMLButtonElement);
const copyButtons = [element('copy-markdown', HTMLButtonElement), element('copy-json', HTMLButtonElement)] as const;
const status = new Status();
const query = new Query(location.search);
const settings = settingsFrom(query);

/** The last results. */
let info: EngineInfo | undefined;
let rows: Row[] = [];
let measuring: AbortController | undefined;

run.addEventListener('click', () => void start());
stop.addEventListener('click', () => measuring?.abort());
copies(copyButtons[0], markdown, (text) => status.show(text));
copies(copyButtons[1], json, (text) => status.show(text));

keepSite();
void sayBefore(query, settings, status);

async function start(): Promise<void> {
  measuring = new AbortController();
  const { signal } = measuring;
  arrange(true);
  rows = [];
  try {
    const linnet = await loadWith({ ...settings, pace: 'full' }, status, signal);
    try {
      for await (const standing of measure(linnet, signal)) {
        info = linnet.info();
        rows = standing.rows;
        show();
        status.show(standing.text, standing.done < 1 ? standing.done : null);
      }
    } finally {
      linnet.dispose();
    }
  } catch (error) {
    status.show(errorMessage(asLinnetError(error)));
  }
  arrange(false);
}

function arrange(busy: boolean): void {
  const focused = document.activeElement === run || document.activeElement === stop;
  run.hidden = busy;
  stop.hidden = !busy;
  if (focused) (busy ? stop : run).focus();
  for (const copy of copyButtons) copy.disabled = busy || rows.length === 0;
  document.documentElement.dataset['bench'] = busy ? 'busy' : 'idle';
}

function show(): void {
  element('result', HTMLElement).hidden = false;
  element('facts', HTMLElement).replaceChildren(...factNodes(facts()));
  const cells = (row: Row) => {
    const line = make('tr', '');
    const head = make('th', '', whole(row.prompt));
    head.scope = 'row';
    line.append(head, ...figures(row).map((text) => make('td', '', text)));
    return line;
  };
  element('rows', HTMLTableSectionElement).replaceChildren(...rows.map(cells));
}

function facts(): [string, string | undefined][] {
  if (!info) return [];
  const { model, adapter } = info;
  return [
    ['Model', `${nameOf(settings.model, info)}, ${model.quantization}`],
    ['Runs on', device(info)],
    ['Graphics', adapter && (adapter.fallback ? `${adapter.description} (software)` : adapter.description)],
    ['Uses', info.features.join(', ')],
    ['Browser', browser()],
  ];
}

function figures({ firstMs, reads, writes }: Row): string[] {
  return [whole(Math.round(firstMs)), figure(reads), figure(writes)];
}

function figure(perSecond: number): string {
  return perSecond < 100 ? perSecond.toFixed(1) : whole(Math.round(perSecond));
}

function markdown(): string {
  const lines = rows.map((row) => `| ${[String(row.prompt), ...figures(row)].join(' | ')} |`);
  const about = facts().flatMap(([term, value]) => (value ? [`- ${term}: ${value}`] : []));
  return [
    ...about,
    '',
    '| text, tokens | first word, ms | reads, tokens/s | writes, tokens/s |',
    '|---:|---:|---:|---:|',
    ...lines,
    '',
  ].join('\n');
}

function json(): string {
  const report = { measured: new Date().toISOString(), browser: navigator.userAgent, engine: info, rows };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** "Chrome 140 on Linux": the useful part of the browser's own description. */
function browser(): string {
  const { brands = [], platform } =
    (navigator as { userAgentData?: { brands: { brand: string; version: string }[]; platform: string } })
      .userAgentData ?? {};
  const brand =
    brands.find(({ brand }) => !/not.?a|chromium/i.test(brand)) ?? brands.find(({ brand }) => brand === 'Chromium');
  return brand ? `${brand.brand} ${brand.version}${platform ? ` on ${platform}` : ''}` : navigator.userAgent;
}
