import { keep, type AnswerSettings, setBy } from './settings.ts';
import { button, element } from '../page/page.ts';

/** The dialog with the settings for answers. */
export class SettingsDialog {
  readonly #dialog = element('settings-dialog', HTMLDialogElement);
  readonly #form = element('settings-form', HTMLFormElement);
  readonly #system = element('settings-system', HTMLTextAreaElement);
  /** The numbers with their fields; sliders show their values. */
  readonly #numbers = [
    ['temperature', element('settings-temperature', HTMLInputElement)],
    ['topP', element('settings-top-p', HTMLInputElement)],
    ['repetitionPenalty', element('settings-repetition', HTMLInputElement)],
    ['maxTokens', element('settings-max', HTMLInputElement)],
  ] as const;

  /** The switches with their boxes. */
  readonly #switches = [
    ['clock', element('settings-clock', HTMLInputElement)],
    ['calculator', element('settings-calculator', HTMLInputElement)],
  ] as const;

  /**
   * @param current the current settings
   * @param usual the default settings
   * @param onChange receives the settings that the person changed
   */
  constructor(
    private readonly current: () => AnswerSettings,
    usual: () => AnswerSettings,
    onChange: (answerSettings: Partial<AnswerSettings>) => void,
  ) {
    this.#form.addEventListener('input', () => this.#arrange());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const own = setBy(this.#written(), usual());
      keep(own);
      onChange(own);
      this.#dialog.close();
    });
    element('settings-actions', HTMLDivElement).append(
      button('secondary', 'Usual settings', () => this.#fill(usual())),
    );
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
  }

  open(): void {
    this.#fill(this.current());
    this.#dialog.showModal();
  }

  #fill(answerSettings: AnswerSettings): void {
    this.#system.value = answerSettings.system;
    for (const [name, input] of this.#numbers) input.value = String(answerSettings[name]);
    for (const [name, input] of this.#switches) input.checked = answerSettings[name];
    this.#arrange();
  }

  #written(): AnswerSettings {
    const numbers = Object.fromEntries(this.#numbers.map(([name, input]) => [name, input.valueAsNumber]));
    const switches = Object.fromEntries(this.#switches.map(([name, input]) => [name, input.checked]));
    return { ...this.current(), ...numbers, ...switches, system: this.#system.value.trim() };
  }

  #arrange(): void {
    for (const [, input] of this.#numbers) {
      const shown = input.parentElement?.querySelector('output');
      if (shown) shown.value = input.value;
    }
  }
}
