// Prepares a chat for printing where style sheets cannot.

/** Opens collapsed reasoning for printing in browsers whose style sheets cannot, and closes it afterwards. */
export function openThoughtsForPrint(): void {
  if (CSS.supports('selector(::details-content)')) return;
  let opened: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll<HTMLDetailsElement>('.reasoning:not([open])')];
    for (const reasoning of opened) reasoning.open = true;
  });
  addEventListener('afterprint', () => {
    for (const reasoning of opened) reasoning.open = false;
  });
}
