import { THEME } from './theme.ts';

/** How the element looks before it is opened, and the frame of what opens. */
export const BUTTON_STYLE: string = `${THEME}
:host {
  display: block;
  font: var(--linnet-font, 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif);
  color: var(--ink);
  text-align: start;
}
:host([hidden]), [hidden] { display: none !important; }
:host(:not([mode=inline])) { position: fixed; z-index: var(--linnet-z, 1000);
  inset-block-end: max(1rem, env(safe-area-inset-bottom)); inset-inline-end: max(1rem, env(safe-area-inset-right)); }
* { box-sizing: border-box; }
button { font: inherit; color: inherit; cursor: pointer; touch-action: manipulation; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.launcher {
  display: flex; align-items: center; justify-content: center; gap: .5rem;
  min-width: 3.5rem; min-height: 3.5rem; padding: .75rem; margin-inline-start: auto;
  border: 0; border-radius: 999px; background: var(--accent); color: var(--accent-ink);
  box-shadow: 0 1px 3px rgb(40 20 10 / 20%), 0 8px 24px rgb(40 20 10 / 18%);
  transition: transform .15s ease;
}
.launcher[aria-busy] svg { animation: wait 1.2s ease-in-out infinite; }
.launcher svg { width: 1.75rem; height: 1.75rem; fill: none; stroke: currentColor; stroke-width: 1.8;
  stroke-linecap: round; stroke-linejoin: round; }
@media (hover: hover) { .launcher:hover { transform: translateY(-2px); } }
@keyframes wait { 50% { opacity: .35; } }
.label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.hint:empty { display: none; }
.hint { margin: .5rem 0; padding: .6rem .9rem; max-width: 20rem; border: 1px solid var(--line); border-radius: .9rem;
  background: var(--raised); font-size: .9375rem; }

:host([mode=inline]) { --edge: 1px solid var(--line); }
:host([mode=inline]) .start { padding: 1.25rem 1.25rem 0; }
:host([mode=inline]:not([open])) { padding-block-end: 1.25rem; border: var(--edge); border-radius: var(--radius);
  background: var(--ground); text-align: center; }
:host([mode=inline]) .launcher { min-height: 2.75rem; padding: .4rem 1.2rem; margin: 1.25rem auto 0; box-shadow: none; }
:host([mode=inline]) .launcher svg { width: 1.25rem; height: 1.25rem; }
:host([mode=inline]) .launcher .label { position: static; width: auto; height: auto; clip-path: none; }

.panel {
  display: flex; flex-direction: column; overflow: hidden;
  border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); color: var(--ink);
}
:host(:not([mode=inline])) .panel {
  position: fixed;
  inset-block-end: max(5.25rem, calc(4.25rem + env(safe-area-inset-bottom)));
  inset-inline-end: max(1rem, env(safe-area-inset-right));
  width: var(--linnet-width, 25rem); max-width: calc(100vw - 2rem);
  height: var(--linnet-height, 38rem); max-height: calc(100vh - 6.5rem); max-height: calc(100dvh - 6.5rem);
  box-shadow: 0 2px 6px rgb(40 20 10 / 8%), 0 16px 48px rgb(40 20 10 / 22%);
}
:host([mode=inline]) .panel { width: 100%; height: var(--linnet-height, 36rem); max-height: 100vh; max-height: 100dvh; }
@media (max-width: 30rem) {
  :host(:not([mode=inline])) .panel { inset: 0; width: auto; max-width: none; height: 100%; max-height: none;
    border: 0; border-radius: 0; padding-block-end: env(safe-area-inset-bottom); }
  :host([open]:not([mode=inline])) .launcher { visibility: hidden; }
}
@media (prefers-reduced-motion: no-preference) {
  .panel { animation: appear .18s ease-out; }
  @keyframes appear { from { opacity: 0; transform: translateY(.5rem); } }
}
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important; }
}
@media (forced-colors: active) { .launcher { border: 2px solid; } }
@media print {
  :host(:not([mode=inline])), :host([mode=inline]) .launcher { display: none; }
  :host([mode=inline]) .panel { height: auto; max-height: none; overflow: visible; animation: none;
    border-color: #999; }
}
`;
