import { bytesOf, type ListedModel, type ModelFit, models, type StoredModel } from 'linnet';
import { plainName } from 'linnet/markdown';
import { bytes, whole } from '../page/format.ts';
import { button, element, make } from '../page/page.ts';
import { asLinnetError, errorMessage } from '../page/error-messages.ts';

/** A note about a model in the list. */
const FITS = { yes: 'Fits', maybe: 'May fit', no: 'Too large' } as const;

/** A model in the list: its radio button, its facts, and a button that removes it if it is stored. */
class Card {
  readonly node = make('li', 'model');
  readonly radio = make('input', '');
  readonly #badge = make('span', 'badge');
  readonly #about = make('span', 'about');
  readonly #why = make('span', 'about why');
  readonly #remove: HTMLButtonElement;

  constructor(
    source: string,
    readonly name: string,
    onRemove: (card: Card) => void,
  ) {
    Object.assign(this.radio, { type: 'radio', name: 'model', value: source });
    const title = make('span', 'title');
    title.append(make('span', '', name), this.#badge);
    const text = make('span', 'text');
    text.append(title, this.#about, this.#why);
    const label = make('label', '');
    label.append(this.radio, text);
    this.#remove = button('quiet small', 'Remove', () => onRemove(this));
    this.#remove.setAttribute('aria-label', `Remove ${name} from this browser`);
    this.#remove.hidden = true;
    this.node.append(label, this.#remove);
  }

  /** A listed model's size and licence and, after the probe, how well it fits the device. */
  describe(model: ListedModel, fit?: ModelFit, best = false): void {
    const context = fit && fit.fits !== 'no' ? `context ${whole(fit.contextLength)}` : undefined;
    this.#about.textContent = [size(bytesOf(model)), model.license, context].filter(Boolean).join(' · ');
    if (!fit) return;
    this.#badge.textContent = best
      ? 'Recommended'
      : fit.fits === 'no' && fit.reasons[0]?.code.startsWith('no-')
        ? 'Needs a GPU'
        : FITS[fit.fits];
    this.#badge.dataset['fit'] = fit.fits;
    this.#why.textContent = fit.reasons.map(({ message }) => message).join(' ');
  }

  /** What is stored of it. */
  store(parts: readonly StoredModel[], listed: boolean): void {
    const here = parts.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    this.#remove.hidden = parts.length === 0;
    if (!listed) this.#about.textContent = size(here) ?? '';
    if (parts.length === 0) delete this.node.dataset['stored'];
    else this.node.dataset['stored'] = parts.every(({ whole }) => whole) ? 'whole' : 'part';
    if (this.node.dataset['stored'] === 'whole') this.#badge.textContent = 'In this browser';
    else if (here > 0) this.#badge.textContent = `${bytes(here)} in this browser`;
  }
}

/** The list of models: listed ones, with how well they fit this device, and the person's own. */
export class ModelList {
  readonly #list = element('models', HTMLUListElement);
  readonly #larger = element('larger', HTMLDetailsElement);
  readonly #largerList = element('larger-models', HTMLUListElement);
  readonly #note = element('storage-note', HTMLParagraphElement);
  readonly #cards = new Map<string, Card>();

  constructor() {
    for (const model of models) this.#card(model.id, model.name).describe(model);
  }

  /** Selects a model. Returns false if it is not in the list. */
  choose(source: string): boolean {
    const card = this.#cards.get(source);
    if (!card) return false;
    card.radio.checked = true;
    if (this.#largerList.contains(card.node)) this.#larger.open = true;
    return true;
  }

  /** Probes the device and reads the store. The cards stay, and with them the person's choice. */
  async refresh(): Promise<void> {
    const [{ models: fits, best }, stored] = await Promise.all([models.recommend(), models.stored()]);
    for (const fit of fits) {
      const card = this.#card(fit.model.id, fit.model.name);
      card.describe(fit.model, fit, fit === best);
      const list = fit.fits === 'no' ? this.#largerList : this.#list;
      if (card.node.parentElement !== list) list.append(card.node);
    }
    const sources = new Map<string, StoredModel[]>();
    for (const entry of stored) sources.set(entry.source, [...(sources.get(entry.source) ?? []), entry]);
    for (const [source, [first]] of sources) this.#card(source, models.get(source)?.name ?? plainName(first!.name));
    for (const [source, card] of this.#cards) {
      const parts = sources.get(source) ?? [];
      const listed = models.get(source) !== undefined;
      if (listed || parts.length > 0) card.store(parts, listed);
      else this.#drop(source, card);
    }
    const more = this.#largerList.childElementCount;
    this.#larger.hidden = more === 0;
    element('larger-count', HTMLElement).textContent =
      more === 1 ? 'One more does not fit this device' : `${more} more do not fit this device`;
    await this.#sum();
  }

  async #sum(): Promise<void> {
    try {
      const { models: taken, free, persisted } = await models.storage();
      const kept = persisted ? '; the browser has promised to keep it' : '';
      const left = free === undefined ? '' : `, about ${bytes(free)} free`;
      this.#note.textContent = `${bytes(taken)} stored${left}${taken > 0 ? kept : ''}.`;
    } catch (error) {
      this.#note.textContent = errorMessage(asLinnetError(error));
    }
  }

  #card(source: string, name: string): Card {
    let card = this.#cards.get(source);
    if (!card) {
      card = new Card(source, name, (card) => void this.#remove(card));
      this.#cards.set(source, card);
      this.#list.append(card.node);
    }
    return card;
  }

  #drop(source: string, card: Card): void {
    this.#cards.delete(source);
    card.node.remove();
  }

  async #remove(card: Card): Promise<void> {
    try {
      await models.remove(card.radio.value);
      // The button goes away with what it removed.
      if (card.node.isConnected) card.radio.focus();
      await this.refresh();
    } catch (error) {
      const { code, message } = asLinnetError(error);
      this.#note.textContent = code === 'no-storage' ? message : errorMessage(asLinnetError(error));
    }
  }
}

function size(count: number | undefined): string | undefined {
  return count === undefined ? undefined : bytes(count);
}
