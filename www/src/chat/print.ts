// What style sheets cannot do before a chat is printed.

/** Has the thoughts printed that are put away, in browsers whose style sheets cannot open them. They are put away again afterwards. */
export function openThoughtsForPrint(): void {
  if (CSS.supports('selector(::details-content)')) return;
  let opened: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll<HTMLDetailsElement>('.thoughts:not([open])')];
    for (const thoughts of opened) thoughts.open = true;
  });
  addEventListener('afterprint', () => {
    for (const thoughts of opened) thoughts.open = false;
  });
}
