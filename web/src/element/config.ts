import type { LinnetChat } from '../element.ts';
import { bytesOf, type ChatRequest, type LoadOptions, type ListedModel, models } from '../index.ts';
import { plainName } from '../markdown.ts';
import { type ChatStrings } from './button-strings.ts';
import { ENGLISH } from './strings.ts';

/** Tokens of an answer at most: a small model may not find its end. */
const MAX_TOKENS = 1024;

/** How an engine behaves while it answers. */
export type Manners = Pick<ChatRequest, 'when_hidden' | 'keep_awake' | 'pace'>;

/** What the site asks for, as it stands in the element's attributes and properties now. */
export class ChatConfig {
  constructor(private readonly host: LinnetChat) {}

  get strings(): ChatStrings {
    const own = this.host.strings;
    return { ...ENGLISH, ...own, errors: { ...ENGLISH.errors, ...own.errors } };
  }

  get title(): string {
    return this.host.heading ?? this.strings.title;
  }

  get greeting(): string {
    return this.host.greeting ?? '';
  }

  get system(): string {
    return this.host.system ?? '';
  }

  /** What the model is to know of the site. */
  get context(): string {
    return (this.host.context ?? this.host.querySelector(':scope > script[type="text/plain"]')?.textContent ?? '').trim();
  }

  get suggestions(): readonly string[] {
    const listed = this.#text('suggestions')?.split('|') ?? [];
    return (this.host.suggestions ?? listed).map((text) => text.trim()).filter(Boolean);
  }

  /** The model's id or address. */
  get model(): string {
    return this.host.model ?? models.all[0]!.id;
  }

  get listed(): ListedModel | undefined {
    return models.get(this.model);
  }

  /** The name to show for the model. */
  get modelName(): string {
    if (this.listed) return this.listed.name;
    const path = this.model.split(/[?#]/)[0]!;
    return plainName(path.slice(path.lastIndexOf('/') + 1).replace(/\.gguf$/i, '') || path);
  }

  /** Bytes of the download, where they are known. */
  get modelBytes(): number | undefined {
    return this.#number('model-bytes') ?? (this.listed && bytesOf(this.listed));
  }

  get loadOptions(): LoadOptions {
    const backend = this.#text('backend') as LoadOptions['backend'];
    const contextLength = this.#number('context-length');
    const modelBase = this.#text('model-base');
    return { ...(backend ? { backend } : {}), ...(contextLength ? { contextLength } : {}), ...(modelBase ? { modelBase } : {}) };
  }

  /** A person waits for the answer, on a device that may be anything. An engine of the page's has manners of its own. */
  get manners(): Manners {
    const usual: Manners = this.host.engine ? {} : { keep_awake: true, pace: 'auto' };
    const own = { when_hidden: this.#text('when-hidden'), pace: this.#text('pace') };
    return { ...usual, ...(Object.fromEntries(Object.entries(own).filter(([, value]) => value)) as Manners) };
  }

  get endpoint(): { address: string; model: string | undefined; headers: Record<string, string> } | undefined {
    const address = this.host.endpoint;
    return address ? { address, model: this.#text('endpoint-model'), headers: this.host.endpointHeaders ?? {} } : undefined;
  }

  get temperature(): number | undefined {
    return this.#number('temperature');
  }

  get maxTokens(): number {
    return this.#number('max-tokens') ?? MAX_TOKENS;
  }

  /** The language of numbers: the page's. */
  get language(): string | undefined {
    return this.host.closest<HTMLElement>('[lang]')?.lang || undefined;
  }

  #text(name: string): string | undefined {
    return this.host.getAttribute(name) ?? undefined;
  }

  #number(name: string): number | undefined {
    const value = parseFloat(this.#text(name) ?? '');
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  }
}
