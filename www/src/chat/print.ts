// Prepares a chat for printing where style sheets cannot.

/** Opens collapsed reasoning for printing in browsers whose style sheets cannot, and closes it afterwards. */
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
