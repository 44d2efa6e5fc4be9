/** Creates an element with a class, which is also its part, and a text. Text is never parsed as markup. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, name = '', text = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (name) {
    made.className = name;
    made.part.add(...name.split(' '));
  }
  made.textContent = text;
  return made;
}

/** Creates a button. */
export function button(name: string, text: string, action?: () => void): HTMLButtonElement {
  const made = make('button', name, text);
  made.type = 'button';
  if (action) made.addEventListener('click', action);
  return made;
}

/**
 * Whether a key belongs to an input method that has not confirmed its text yet. Safari ends the composition before it
 * reports the Enter that confirms it: only key code 229 tells.
 */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

/** Paths on a grid of 20 x 20. */
const ICONS = {
  send: 'M10 16V4M4.5 9.5 10 4l5.5 5.5',
  stop: 'M6 6h8v8H6Z',
  close: 'm5 5 10 10M15 5 5 15',
  clear: 'M11 4H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h8a2 2 0 0 0 2-2V9M8.5 11.5 9 9l6-6 2 2-6 6Z',
  copy:
    'M8 8V5.5A1.5 1.5 0 0 1 9.5 4h5A1.5 1.5 0 0 1 16 5.5v5a1.5 1.5 0 0 1-1.5 1.5H12' +
    'M5.5 8h5A1.5 1.5 0 0 1 12 9.5v5a1.5 1.5 0 0 1-1.5 1.5h-5A1.5 1.5 0 0 1 4 14.5v-5A1.5 1.5 0 0 1 5.5 8Z',
  retry: 'M15.5 10a5.5 5.5 0 1 1-1.6-3.9L16 8M16 4v4h-4',
  done: 'm4.5 10.5 3.5 3.5 7.5-8',
  think: 'M7.6 14.2V13C6 12.1 5 10.5 5 8.6a5 5 0 0 1 10 0c0 1.9-1 3.5-2.6 4.4v1.2ZM8 17h4',
} as const;

/** An icon for a button; the button's label is its name. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Creates an icon button with a label for screen readers. */
export function iconButton(
  name: string,
  picture: keyof typeof ICONS,
  label: string,
  action?: () => void,
): HTMLButtonElement {
  const made = button(name, '', action);
  made.append(icon(picture));
  relabel(made, label);
  return made;
}

/** Labels an icon button. */
export function relabel(made: HTMLButtonElement, label: string): void {
  made.title = label;
  made.setAttribute('aria-label', label);
}

/** Creates a slot that the page may fill. */
export function slot(name: string, ...fallback: Node[]): HTMLSlotElement {
  const made = document.createElement('slot');
  made.name = name;
  made.append(...fallback);
  return made;
}

/** Copies a text to the clipboard. Returns whether it worked. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
