import { button } from './page.ts';

/** A copy button says for so many milliseconds that it has done it. */
const SAID = 2000;

/** Makes a button copy a text when it is pressed, and say so. */
export function copies(from: HTMLButtonElement, text: () => string, say: (text: string) => void): void {
  from.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text());
      say('Copied.');
      setTimeout(() => say(''), SAID);
    } catch {
      // Pages without HTTPS, and frames, may not copy.
      say('This browser does not allow copying.');
    }
  });
}

/** A button that copies a text, and says so in its own place. */
export function copyButton(text: () => string): HTMLButtonElement {
  const made = button('quiet small', 'Copy', () => {});
  copies(made, text, (said) => (made.textContent = said || 'Copy'));
  return made;
}
