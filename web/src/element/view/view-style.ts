import { PARTS_STYLE } from '../parts/style.ts';

/** How the open chat looks. Colours come from the theme. */
export const VIEW_STYLE: string = `
p, h2, h3, ul, ol, pre, blockquote, table { margin: 0; }
button, textarea { font: inherit; color: inherit; }
${PARTS_STYLE}
.header {
  display: flex; align-items: center; gap: .25rem; padding-block: .6rem; padding-inline: 1.1rem .6rem;
  border-block-end: 1px solid var(--line);
}
.names { flex: 1; min-width: 0; min-height: 2.75rem; display: flex; flex-direction: column; justify-content: center; }
.title {
  font-size: 1rem; font-weight: 650; line-height: 1.3; letter-spacing: -.01em;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
.by {
  display: flex; align-items: center; gap: .4rem;
  color: var(--soft); font-size: .8125rem; line-height: 1.35; overflow-wrap: anywhere;
}
.by:empty { display: none; }
.by::before { content: ''; flex: none; width: .45rem; height: .45rem; border-radius: 50%; background: #3f9364; }
.by[data-by=endpoint]::before { background: #c98a1b; }

.icon {
  display: grid; flex: none; width: 2.75rem; height: 2.75rem; padding: 0; place-items: center;
  border: 0; border-radius: 50%; background: none; color: var(--soft);
}
.icon.small { width: 2rem; height: 2rem; }
.icon svg {
  width: 1.25rem; height: 1.25rem; fill: none;
  stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round;
}
.icon.small svg { width: 1.05rem; height: 1.05rem; }
@media (hover: hover) {
  .icon:hover { background: var(--sunken); color: var(--ink); }
  .suggestion:hover, .again:hover { background: var(--sunken); }
}
@media (pointer: coarse) { .icon.small { width: 2.75rem; height: 2.75rem; } }

.log {
  flex: 1; min-height: 0; padding: 1.1rem; overflow: hidden auto; overscroll-behavior: contain;
  scrollbar-width: thin; scrollbar-color: var(--line) transparent;
}
.log:focus-visible { outline-offset: -3px; }
.greeting { margin-block-end: 1rem; white-space: pre-line; text-wrap: pretty; }
.suggestions { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; list-style: none; }
.suggestion, .again {
  min-height: 2.75rem; padding: .45rem 1rem; border: 1px solid var(--line); border-radius: 1.375rem; background: none;
  font-size: .9375rem; line-height: 1.35; text-align: start; overflow-wrap: anywhere;
}
.body > * { content-visibility: auto; contain-intrinsic-block-size: auto 4rem; }
.notice[data-code=note] { border-inline-start-color: #c98a1b; }

.privacy {
  margin-block-end: 1rem; color: var(--soft); font-size: .875rem; line-height: 1.45; overflow-wrap: anywhere;
}
.privacy:empty { display: none; }

.dock { padding: .25rem .75rem .75rem; }
.loading {
  display: grid; grid-template-columns: 1fr auto; align-items: center; gap: .35rem .75rem;
  padding: .25rem .35rem .7rem; color: var(--soft); font-size: .875rem; line-height: 1.45;
  font-variant-numeric: tabular-nums;
}
.progress {
  grid-column: 1 / -1; grid-row: 2; display: block; width: 100%; height: 4px; border: 0; border-radius: 2px;
  background: var(--line); overflow: hidden; appearance: none;
}
.progress::-webkit-progress-bar { background: var(--line); }
.progress::-webkit-progress-value { border-radius: 2px; background: var(--accent); }
.progress::-moz-progress-bar { background: var(--accent); }
.accept {
  min-height: 2.25rem; padding: .2rem .9rem; border: 1px solid var(--line); border-radius: 999px;
  background: none; color: var(--ink); font-size: .875rem;
}
.loading[data-state=consent] {
  display: block; margin-block-end: .6rem; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: 1rem;
  background: var(--raised); color: var(--ink);
}
.loading[data-state=consent] .accept {
  display: block; width: 100%; min-height: 2.75rem; margin-block-start: .75rem;
  border-color: transparent; background: var(--accent); color: var(--accent-ink); font-size: .9375rem;
}

.send-card {
  margin-block-end: .6rem; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: 1rem;
  background: var(--raised); font-size: .9375rem; line-height: 1.45; overflow-wrap: anywhere;
}
.card-title { font-weight: 650; }
.card-text { margin-block-start: .25rem; color: var(--soft); font-size: .875rem; }
.card-actions { display: flex; flex-wrap: wrap; gap: .5rem; margin-block-start: .75rem; }
.card-actions button {
  flex: 1; min-height: 2.75rem; border: 1px solid var(--line); border-radius: 999px;
  background: none; color: var(--ink); font-size: .9375rem;
}
.card-actions .agree { border-color: transparent; background: var(--accent); color: var(--accent-ink); }
.hint { max-width: none; margin: 0 0 .6rem; }
::slotted([slot=footer]) {
  display: block; margin-block-start: .5rem; color: var(--soft); font-size: .8125rem; text-align: center;
}

:host([mode=inline]) :is(.log, .dock) { padding-inline: max(1.1rem, calc((100% - 46rem) / 2)); }
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important; }
}
@media print {
  :host([mode=inline]) {
    color-scheme: light; --ground: #fff; --raised: #fff; --sunken: #fff; --bubble: #fff;
    --ink: #000; --soft: #444; --line: #999; --accent: #000;
  }
  .panel, .log { display: block; overflow: visible; }
  .dock, .notice, .suggestions, .privacy, .icon, .panel > .unseen { display: none !important; }
  .body > * { content-visibility: visible; }
}
@media (forced-colors: active) { .accept, .card-actions .agree { border: 1px solid; } }
`;
