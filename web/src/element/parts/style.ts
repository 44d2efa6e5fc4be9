/**
 * How the parts of a chat look. The page gives the colours, as `--accent`, `--accent-ink`, `--raised`, `--sunken`,
 * `--ink`, `--soft`, `--line` and `--bubble`, and changes the rest with rules of its own.
 */
export const PARTS_STYLE: string = `
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[data-following] { overflow-anchor: none; }

.message { margin-block-end: 1.1rem; overflow-wrap: anywhere; unicode-bidi: isolate; }
.question { display: flex; flex-direction: column; align-items: flex-end; }
.question .text {
  max-width: 85%; padding: .55rem .95rem; border-radius: 1.15rem; border-end-end-radius: .3rem;
  background: var(--bubble); white-space: pre-wrap;
}
.foot {
  display: flex; align-items: center; gap: .5rem; min-height: 2rem;
  color: var(--soft); font-size: .8125rem; font-variant-numeric: tabular-nums;
}
.foot .meta { flex: 1; min-width: 0; order: 1; }
.foot .actions { display: flex; margin-inline-start: -.45rem; }
.reasoning {
  margin-block-end: .75rem; padding-inline-start: .9rem; border-inline-start: 2px solid var(--line);
  color: var(--soft); font-size: .9375rem;
}
.reasoning summary { cursor: pointer; }
.reasoning-text { padding-block-start: .4rem; white-space: pre-wrap; }
.call {
  margin-block: .75rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--sunken);
  color: var(--soft); font-size: .9375rem; overflow: hidden;
}
.call + .call { margin-block-start: -.25rem; }
.call summary {
  position: relative; margin-inline-start: 1.9rem; padding-block: .5rem; padding-inline-end: .9rem;
  cursor: pointer; list-style-position: outside;
}
/* The mark is outside, so that a long name stays beside it. It belongs to what is clicked and focused, too. */
.call summary::after { content: ''; position: absolute; inset-block: 0; inset-inline: -1.9rem 0; border-radius: .7rem; }
.call:is([data-state=asking], [data-state=failed], [data-state=refused]) summary { color: var(--ink); }
.call summary:focus-visible { outline: 0; }
.call summary:focus-visible::after { outline: 2px solid var(--accent); outline-offset: -2px; }
.call-label { margin: 0; padding-inline: .9rem; font-size: .8125rem; }
.call pre + .call-label { padding-block-start: .5rem; border-block-start: 1px solid var(--line); }
.call pre {
  max-height: 12rem; margin: 0; padding: .1rem .9rem .7rem; overflow: auto; white-space: pre-wrap; color: var(--ink);
  font: .8125rem/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace;
}
.call-question { padding: .75rem .9rem; border-block-start: 1px solid var(--line); color: var(--ink); }
.call-question p { margin: 0; font-weight: 600; }
.call-actions { display: flex; flex-wrap: wrap; gap: .5rem; margin-block-start: .6rem; }
.call-actions button {
  flex: 1; min-height: 2.75rem; border: 1px solid var(--line); border-radius: 999px;
  background: var(--raised); color: var(--ink); font-size: .9375rem;
}
.call-actions .allow { border-color: transparent; background: var(--accent); color: var(--accent-ink); }

.body { contain: content; text-wrap: pretty; unicode-bidi: isolate; }
.body :where(p, h3, ul, ol, pre, blockquote, table) { margin: 0; }
.body > * + *, .body li > * + *, .body blockquote > * + * { margin-block-start: .7rem; }
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
.body code {
  padding: .1em .3em; border-radius: .35rem; background: var(--sunken); unicode-bidi: isolate;
  font: .875em/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace;
}
.body .code { border: 1px solid var(--line); border-radius: .75rem; background: var(--sunken); overflow: hidden; }
.code-head {
  display: flex; align-items: center; justify-content: space-between; min-height: 2rem;
  padding-inline: .9rem .15rem; color: var(--soft); font-size: .8125rem;
}
.code pre { max-height: 24rem; padding: .1rem .9rem .8rem; overflow: auto; white-space: pre; }
.body .code code { padding: 0; background: none; overflow-wrap: normal; }
.body .table { max-height: 24rem; overflow: auto; border: 1px solid var(--line); border-radius: .75rem; }
.table table { border-collapse: collapse; min-width: 100%; font-size: .9375rem; }
.table :is(th, td) {
  padding: .4rem .75rem; max-width: 22rem; border-block-end: 1px solid var(--line);
  text-align: start; vertical-align: top; overflow-wrap: break-word;
}
.table th { background: var(--sunken); font-weight: 600; }
.table tr:last-child td { border-block-end: 0; }
.table .center { text-align: center; }
.table .right { text-align: end; }
.writing .body::after {
  content: ''; display: inline-block; width: .5rem; height: .5rem; margin-block-start: .5rem;
  border-radius: 50%; background: var(--accent); animation: wait 1.2s ease-in-out infinite;
}
.step:not(:last-child) .body::after, .calling .body::after { content: none; }
:is(.step:not(:last-child), .calling) .body:empty { display: none; }
@keyframes wait { 50% { opacity: .35; } }

.notice {
  padding: .9rem 1rem; border: 1px solid var(--line); border-inline-start: 3px solid var(--accent);
  border-radius: .75rem; background: var(--raised); font-size: .9375rem; overflow-wrap: anywhere;
}
.notice p { margin: 0; }
.notice .actions:not(:empty) { margin-block-start: .7rem; }

.composer {
  display: flex; align-items: flex-end; gap: .25rem; padding: .3rem;
  border: 1px solid var(--line); border-radius: 1.65rem; background: var(--raised);
}
.composer:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.input {
  flex: 1; min-width: 0; min-height: 2.75rem; max-height: min(40vh, 11rem); max-height: min(40dvh, 11rem);
  field-sizing: content; padding-block: .6rem; padding-inline: .85rem .25rem; border: 0;
  background: none; color: inherit; font: inherit; font-size: max(1em, 16px); line-height: 1.5;
  resize: none; overflow-y: auto;
}
/* The composer shows the focus. */
.input:focus-visible { outline: 0; }
.input::placeholder { color: var(--soft); opacity: 1; }
.round {
  display: grid; flex: none; width: 2.75rem; height: 2.75rem; padding: 0; place-items: center;
  border: 0; border-radius: 50%; background: var(--accent); color: var(--accent-ink);
}
.round svg {
  width: 1.25rem; height: 1.25rem; fill: none;
  stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round;
}
.round.stop path { fill: currentColor; }
.think:not([hidden]) + .input { padding-inline-start: .25rem; }
.round.think { background: none; color: var(--soft); }
.round.think[aria-pressed=true] { background: var(--sunken); color: var(--accent); }
.round:disabled { background: var(--sunken); color: var(--soft); cursor: default; }
:is(.message, .notice, .composer)[hidden], :is(.message, .notice, .composer) [hidden] { display: none; }

@media (prefers-reduced-motion: reduce) { .writing .body::after { animation: none; } }
@media (forced-colors: active) {
  .round, .call-actions .allow { border: 1px solid; }
  .round.think[aria-pressed=true] { forced-color-adjust: none; background: Highlight; color: HighlightText; }
}
@media print {
  .message > .unseen {
    position: static; display: block; width: auto; height: auto; overflow: visible;
    clip-path: none; font-weight: 600;
  }
  .question { align-items: flex-start; break-after: avoid; }
  .question .text { max-width: none; border: 1px solid var(--line); }
  .writing .body::after { content: none; }
  .reasoning::details-content, .call details::details-content { block-size: auto; content-visibility: visible; }
  .body { contain: none; }
  .call pre { max-height: none; overflow: visible; }
  .call-question { display: none; }
  .foot .actions, .code-head button { display: none; }
  .body .code, .code pre, .body .table { max-height: none; overflow: visible; }
  .code code { white-space: pre-wrap; overflow-wrap: anywhere; }
  .table :is(th, td) { max-width: none; overflow-wrap: anywhere; }
  .body :is(h3, li, tr), .code-head { break-inside: avoid; }
  .body h3, .code-head { break-after: avoid; }
}
`;
