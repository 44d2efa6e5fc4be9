/** How the open chat looks. Colours come from the theme. */
export const VIEW_STYLE: string = `
p, h2, h3, ul, ol, pre, blockquote, table { margin: 0; }
button, textarea { font: inherit; color: inherit; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.header { display: flex; align-items: center; gap: .25rem; padding-block: .6rem; padding-inline: 1.1rem .6rem; border-block-end: 1px solid var(--line); }
.names { flex: 1; min-width: 0; min-height: 2.75rem; display: flex; flex-direction: column; justify-content: center; }
.title { font-size: 1rem; font-weight: 650; line-height: 1.3; letter-spacing: -.01em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.by { display: flex; align-items: center; gap: .4rem; color: var(--soft); font-size: .8125rem; line-height: 1.35; overflow-wrap: anywhere; }
.by:empty { display: none; }
.by::before { content: ''; flex: none; width: .45rem; height: .45rem; border-radius: 50%; background: #3f9364; }
.by[data-by=endpoint]::before { background: #c98a1b; }

.icon { display: grid; flex: none; width: 2.75rem; height: 2.75rem; place-items: center; border: 0; border-radius: 50%; background: none; color: var(--soft); padding: 0; }
.icon.small { width: 2rem; height: 2rem; }
.icon svg, .round svg { width: 1.25rem; height: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.icon.small svg { width: 1.05rem; height: 1.05rem; }
@media (hover: hover) { .icon:hover { background: var(--sunken); color: var(--ink); } .suggestion:hover, .again:hover { background: var(--sunken); } }
@media (pointer: coarse) { .icon.small { width: 2.75rem; height: 2.75rem; } }

.log { flex: 1; min-height: 0; padding: 1.1rem; overflow: hidden auto; overscroll-behavior: contain; scrollbar-width: thin; scrollbar-color: var(--line) transparent; }
.log:focus-visible { outline-offset: -3px; }
.greeting { margin-block-end: 1rem; white-space: pre-line; text-wrap: pretty; }
.suggestions { display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; list-style: none; }
.suggestion, .again { min-height: 2.75rem; padding: .45rem 1rem; border: 1px solid var(--line); border-radius: 1.375rem; background: none; font-size: .9375rem; line-height: 1.35; text-align: start; overflow-wrap: anywhere; }

.message { margin-block-end: 1.1rem; overflow-wrap: anywhere; unicode-bidi: isolate; }
.question { display: flex; flex-direction: column; align-items: flex-end; }
.question .text { max-width: 85%; padding: .55rem .95rem; border-radius: 1.15rem; border-end-end-radius: .3rem; background: var(--bubble); white-space: pre-wrap; }
.foot { display: flex; align-items: center; gap: .5rem; min-height: 2rem; color: var(--soft); font-size: .8125rem; font-variant-numeric: tabular-nums; }
.foot .meta { flex: 1; min-width: 0; order: 1; }
.foot .actions { display: flex; margin-inline-start: -.45rem; }

.body { contain: content; text-wrap: pretty; unicode-bidi: isolate; }
.body > * + *, .body li > * + *, .body blockquote > * + * { margin-block-start: .7rem; }
.body > * { content-visibility: auto; contain-intrinsic-block-size: auto 4rem; }
.body h3 { font-size: 1rem; font-weight: 650; line-height: 1.35; }
.body .depth-1 { font-size: 1.1875rem; }
.body .depth-2 { font-size: 1.0938rem; }
.body > * + h3 { margin-block-start: 1.1rem; }
.body :is(ul, ol) { padding-inline-start: 1.6rem; }
.body li + li { margin-block-start: .25rem; }
.body li > :is(ul, ol) { margin-block-start: .25rem; }
.body a { color: var(--accent); text-underline-offset: .15em; }
.body blockquote { padding-inline-start: .9rem; border-inline-start: 3px solid var(--line); color: var(--soft); }
.body hr { height: 1px; border: 0; background: var(--line); }
.body code { padding: .1em .3em; border-radius: .35rem; background: var(--sunken); font: .875em/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace; unicode-bidi: isolate; }
.code { border: 1px solid var(--line); border-radius: .75rem; background: var(--sunken); overflow: hidden; }
.code-head { display: flex; align-items: center; justify-content: space-between; min-height: 2rem; padding-inline: .9rem .15rem; color: var(--soft); font-size: .8125rem; }
.code pre { max-height: 24rem; padding: .1rem .9rem .8rem; overflow: auto; white-space: pre; }
.code code { padding: 0; background: none; overflow-wrap: normal; }
.table { max-height: 24rem; overflow: auto; border: 1px solid var(--line); border-radius: .75rem; }
.table table { border-collapse: collapse; min-width: 100%; font-size: .9375rem; }
.table :is(th, td) { padding: .4rem .75rem; max-width: 22rem; border-block-end: 1px solid var(--line); text-align: start; vertical-align: top; overflow-wrap: break-word; }
.table th { background: var(--sunken); font-weight: 600; }
.table tr:last-child td { border-block-end: 0; }
.table .center { text-align: center; } .table .right { text-align: end; }
.writing .body::after { content: ''; display: inline-block; width: .5rem; height: .5rem; margin-block-start: .5rem; border-radius: 50%; background: var(--accent); animation: wait 1.2s ease-in-out infinite; }

.notice { padding: .9rem 1rem; border: 1px solid var(--line); border-inline-start: 3px solid var(--accent); border-radius: .75rem; background: var(--raised); font-size: .9375rem; overflow-wrap: anywhere; }
.notice[data-code=note] { border-inline-start-color: #c98a1b; }
.notice button { margin-block-start: .7rem; }

.privacy { margin-block-end: 1rem; color: var(--soft); font-size: .875rem; line-height: 1.45; overflow-wrap: anywhere; }
.privacy:empty { display: none; }

.dock { padding: .25rem .75rem .75rem; }
.loading { display: grid; grid-template-columns: 1fr auto; align-items: center; gap: .35rem .75rem; padding: .25rem .35rem .7rem; color: var(--soft); font-size: .875rem; line-height: 1.45; font-variant-numeric: tabular-nums; }
.progress { grid-column: 1 / -1; grid-row: 2; display: block; width: 100%; height: 4px; border: 0; border-radius: 2px; background: var(--line); overflow: hidden; appearance: none; }
.progress::-webkit-progress-bar { background: var(--line); }
.progress::-webkit-progress-value { border-radius: 2px; background: var(--accent); }
.progress::-moz-progress-bar { background: var(--accent); }
.accept { min-height: 2.25rem; padding: .2rem .9rem; border: 1px solid var(--line); border-radius: 999px; background: none; color: var(--ink); font-size: .875rem; }
.loading[data-state=consent] { display: block; margin-block-end: .6rem; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--raised); color: var(--ink); }
.loading[data-state=consent] .accept { display: block; width: 100%; min-height: 2.75rem; margin-block-start: .75rem; border-color: transparent; background: var(--accent); color: var(--accent-ink); font-size: .9375rem; }

.send-card { margin-block-end: .6rem; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--raised); font-size: .9375rem; line-height: 1.45; overflow-wrap: anywhere; }
.card-title { font-weight: 650; }
.card-text { margin-block-start: .25rem; color: var(--soft); font-size: .875rem; }
.card-actions { display: flex; flex-wrap: wrap; gap: .5rem; margin-block-start: .75rem; }
.card-actions button { flex: 1; min-height: 2.75rem; border: 1px solid var(--line); border-radius: 999px; background: none; color: var(--ink); font-size: .9375rem; }
.card-actions .agree { border-color: transparent; background: var(--accent); color: var(--accent-ink); }
.hint { max-width: none; margin: 0 0 .6rem; }

.composer { display: flex; align-items: flex-end; gap: .25rem; padding: .3rem; border: 1px solid var(--line); border-radius: 1.65rem; background: var(--raised); }
.composer:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.input { flex: 1; min-width: 0; max-height: min(40vh, 11rem); min-height: 2.75rem; field-sizing: content; padding-block: .6rem; padding-inline: .85rem .25rem; border: 0; outline: 0; background: none; resize: none; line-height: 1.5; overflow-y: auto; font-size: max(1em, 16px); }
.input::placeholder { color: var(--soft); opacity: 1; }
.round { display: grid; flex: none; width: 2.75rem; height: 2.75rem; place-items: center; border: 0; border-radius: 50%; background: var(--accent); color: var(--accent-ink); padding: 0; }
.round svg { stroke-width: 2; }
.round.stop path { fill: currentColor; }
.round:disabled { background: var(--sunken); color: var(--soft); cursor: default; }
::slotted([slot=footer]) { display: block; margin-block-start: .5rem; color: var(--soft); font-size: .8125rem; text-align: center; }

:host([mode=inline]) :is(.log, .dock) { padding-inline: max(1.1rem, calc((100% - 46rem) / 2)); }
@media (prefers-reduced-motion: reduce) { *, ::before, ::after { animation: none !important; transition: none !important; } }
@media print {
  :host([mode=inline]) { color-scheme: light; --ground: #fff; --raised: #fff; --sunken: #fff; --bubble: #fff; --ink: #000; --soft: #444; --line: #999; --accent: #000; }
  .panel, .log { display: block; overflow: visible; }
  .dock, .notice, .suggestions, .privacy, .icon, .foot .actions, .code-head button, .panel > .unseen { display: none !important; }
  .message > .unseen { position: static; display: block; width: auto; height: auto; clip-path: none; font-weight: 600; }
  .question { align-items: flex-start; break-after: avoid; }
  .question .text { max-width: none; border: 1px solid var(--line); }
  .writing .body::after { content: none; }
  .body { contain: none; }
  .body > * { content-visibility: visible; }
  .code, .code pre, .table { max-height: none; overflow: visible; }
  .code code { white-space: pre-wrap; overflow-wrap: anywhere; }
  .table :is(th, td) { max-width: none; overflow-wrap: anywhere; }
  .body :is(h3, li, tr), .code-head { break-inside: avoid; }
  .body h3, .code-head { break-after: avoid; }
}
@media (forced-colors: active) { .round, .accept, .card-actions .agree { border: 1px solid; } }
`;
