import { button } from './page.ts';

/** How long a copy button shows that it has copied, in milliseconds. */
const SAID = 2000;

/** Makes a button copy a text and show that it did. */
export function copies(from: HTMLButtonElement, text: () => string, say: (text: string) => void): void {
  from.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text());
      say('Copied.');
      setTimeout(() => say(''), SAID);
    } catch {
      // Pages without HTTPS, and some frames, may not copy.
      say('This browser does not allow copying.');
    }
  });
}

/** A button that copies a text and shows it in its own label. */
export function copyButton(text: () => string): HTMLButtonElement {
  const made = button('quiet small', 'Copy', () => {});
  copies(made, text, (said) => (made.textContent = said || 'Copy'));
  return made;
}
