import type { Backend } from 'linnet';
import type { Engine } from './engine.ts';
import { engineFacts, factNodes } from '../page/facts.ts';
import { ModelList } from './model-list.ts';
import { element } from '../page/page.ts';
import { isOwn, type Settings } from '../page/load-settings.ts';

const BY_ADDRESS = 'address';
const BY_FILE = 'file';

/** The dialog that shows the loaded model and loads another one. */
export class ModelDialog {
  readonly #dialog = element('model-dialog', HTMLDialogElement);
  readonly #facts = element('facts', HTMLElement);
  readonly #form = element('model-form', HTMLFormElement);
  readonly #url = element('model-url', HTMLInputElement);
  readonly #file = element('model-file', HTMLInputElement);
  readonly #keep = element('model-keep', HTMLInputElement);
  readonly #list = new ModelList();

  /** @param onChoice receives the person's choice */
  constructor(
    private readonly engine: Engine,
    onChoice: (settings: Settings) => void,
  ) {
    this.#form.addEventListener('change', () => {
      this.#arrange();
      for (const field of ['url-field', 'file-field']) {
        const shown = element(field, HTMLElement);
        if (!shown.hidden) shown.scrollIntoView({ block: 'nearest' });
      }
    });
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const settings = this.#chosen();
      if (!settings) return;
      this.#dialog.close();
      onChoice(settings);
    });
    // A click on the backdrop is a click on the dialog itself.
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
  }

  open(): void {
    const { model, backend } = this.engine.settings;
    const { state } = this.engine;
    this.#facts.replaceChildren(...(state.kind === 'ready' ? factNodes(engineFacts(state.linnet.info(), model)) : []));
    this.#facts.hidden = state.kind !== 'ready';
    const stored = this.#list.choose(String(model));
    if (!stored) this.#choose(isOwn(model) ? BY_FILE : BY_ADDRESS);
    this.#url.value = stored || isOwn(model) ? '' : new URL(String(model), document.baseURI).href;
    for (const radio of this.#form.querySelectorAll<HTMLInputElement>('[name=backend]'))
      radio.checked = radio.value === backend;
    this.#arrange();
    this.#dialog.showModal();
    // This makes an imported model known; before it looks like an address.
    void this.#list.refresh().then(() => {
      if (!stored && !isOwn(model) && this.#choice === BY_ADDRESS && this.#list.choose(String(model))) this.#arrange();
    });
  }

  get #choice(): string {
    return String(new FormData(this.#form).get('model'));
  }

  #choose(value: string): void {
    const radio = this.#form.querySelector<HTMLInputElement>(`[name=model][value=${value}]`);
    if (radio) radio.checked = true;
  }

  /** Shows only the field of the chosen kind of source, and makes it required. */
  #arrange(): void {
    for (const [kind, input] of [
      [BY_ADDRESS, this.#url],
      [BY_FILE, this.#file],
    ] as const) {
      const wanted = this.#choice === kind;
      element(kind === BY_FILE ? 'file-field' : 'url-field', HTMLElement).hidden = !wanted;
      input.required = wanted;
      input.disabled = !wanted;
    }
  }

  #chosen(): Settings | undefined {
    // Sorting by name puts a split model's parts in order.
    const files = [...(this.#file.files ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
    const model = this.#choice === BY_ADDRESS ? this.#url.value : this.#choice === BY_FILE ? files : this.#choice;
    if (model.length === 0) return undefined;
    return {
      ...this.engine.settings,
      model,
      keep: this.#keep.checked,
      backend: (new FormData(this.#form).get('backend') ?? 'auto') as Backend,
    };
  }
}
