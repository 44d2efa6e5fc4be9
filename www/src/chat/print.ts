// Prepares a chat for printing where style sheets cannot.

/** Unfolds reasoning and tool calls for printing in browsers whose style sheets cannot, and folds them afterwards. */
export function openThoughtsForPrint(): void {
  if (CSS.supports('selector(::details-content)')) return;
  let opened: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll<HTMLDetailsElement>('.message details:not([open])')];
    for (const details of opened) details.open = true;
  });
  addEventListener('afterprint', () => {
    for (const details of opened) details.open = false;
  });
}
