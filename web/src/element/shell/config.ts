import type { ChatHost } from './host.ts';
import { bytesOf, type ChatRequest, type LoadOptions, type ListedModel, models } from '../../index.ts';
import { plainName } from '../../markdown.ts';
import { areHeaders, NO_MODEL, numberOf, wordOf } from './attributes.ts';
import { isRecord, isText } from './values.ts';
import { type PageTool, toolFault } from '../tools/page-tool.ts';
import type { ChatEngine } from './engine.ts';
import type { ChatStrings } from './button-strings.ts';
import { sizeText } from './size.ts';
import { ENGLISH, fill } from './strings.ts';

/** The most tokens of an answer: a small model may not stop by itself. */
const MAX_TOKENS = 1024;

/** How an engine treats the page while it answers. */
export type AnswerPolicy = Pick<ChatRequest, 'when_hidden' | 'keep_awake' | 'pace'>;

/** The site's configuration, read from the element's current attributes and properties. */
export class ChatConfig {
  constructor(private readonly host: ChatHost) {}

  get strings(): ChatStrings {
    const own = isRecord(this.host.strings) ? this.host.strings : {};
    const texts = Object.entries(own).filter(([, text]) => isText(text));
    return {
      ...ENGLISH,
      ...Object.fromEntries(texts),
      errors: { ...ENGLISH.errors, ...(isRecord(own.errors) ? own.errors : {}) },
    };
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

  /** Facts about the site for the model. */
  get context(): string {
    const { context } = this.host;
    return (
      (isText(context) ? context : undefined) ??
      this.host.querySelector(':scope > script[type="text/plain"]')?.textContent ??
      ''
    ).trim();
  }

  get suggestions(): readonly string[] {
    const { suggestions } = this.host;
    const texts = Array.isArray(suggestions)
      ? suggestions.filter(isText)
      : suggestionsIn(this.#text('suggestions') ?? '');
    return texts.map((text) => text.trim()).filter(Boolean);
  }

  /** The model's id or address. */
  get model(): string {
    return this.host.model?.trim() ?? models.all[0]!.id;
  }

  /** The page's own engine. */
  get engine(): ChatEngine | undefined {
    return this.host.engine;
  }

  /** Whether only the server answers. */
  get serverOnly(): boolean {
    return !this.host.engine && this.model === NO_MODEL;
  }

  get listed(): ListedModel | undefined {
    return models.get(this.model);
  }

  /** The model's display name. */
  get modelName(): string {
    if (this.listed) return this.listed.name;
    const path = this.model.split(/[?#]/)[0]!;
    return plainName(path.slice(path.lastIndexOf('/') + 1).replace(/\.gguf$/i, '') || path);
  }

  /** Bytes of the download, if known. */
  get modelBytes(): number | undefined {
    return numberOf(this.host, 'model-bytes') ?? (this.listed && bytesOf(this.listed));
  }

  /** The question before the download. `host`: a server that could answer if this device cannot. */
  consent(host: string | undefined): string {
    const { consent, consentUnsized, consentServer } = this.strings;
    const bytes = this.modelBytes;
    const text = fill(bytes ? consent : consentUnsized, {
      model: this.modelName,
      size: bytes ? sizeText(bytes, this.language) : '',
    });
    return host === undefined ? text : `${text} ${fill(consentServer, { host })}`;
  }

  get loadOptions(): LoadOptions {
    const backend = wordOf(this.host, 'backend');
    const contextLength = numberOf(this.host, 'context-length');
    const modelBase = this.#text('model-base');
    return {
      ...(backend ? { backend } : {}),
      ...(contextLength ? { contextLength } : {}),
      ...(modelBase ? { modelBase } : {}),
    };
  }

  /** By default the screen stays on and the pace adapts to the device. The page's own engine has its own policy. */
  get policy(): AnswerPolicy {
    const usual: AnswerPolicy = this.host.engine ? {} : { keep_awake: true, pace: 'auto' };
    const own = { when_hidden: wordOf(this.host, 'when-hidden'), pace: wordOf(this.host, 'pace') };
    return { ...usual, ...(Object.fromEntries(Object.entries(own).filter(([, value]) => value)) as AnswerPolicy) };
  }

  get endpoint(): { address: string; model: string | undefined; headers: Record<string, string> } | undefined {
    const address = this.host.endpoint;
    const { endpointHeaders } = this.host;
    return address
      ? { address, model: this.#text('endpoint-model'), headers: areHeaders(endpointHeaders) ? endpointHeaders : {} }
      : undefined;
  }

  get temperature(): number | undefined {
    return numberOf(this.host, 'temperature');
  }

  get maxTokens(): number {
    return numberOf(this.host, 'max-tokens') ?? MAX_TOKENS;
  }

  /** The site's tools; none if one of them is not valid. */
  get tools(): readonly PageTool[] {
    const { tools } = this.host;
    return tools === undefined || toolFault(tools) !== undefined ? [] : tools;
  }

  /** Whether the model reasons before it answers, unless the person says otherwise; by default, the model's default. */
  get thinking(): boolean | undefined {
    const word = wordOf(this.host, 'thinking');
    return word && word === 'on';
  }

  /** The page's language, used to format numbers. */
  get language(): string | undefined {
    return this.host.closest<HTMLElement>('[lang]')?.lang || undefined;
  }

  #text(name: string): string | undefined {
    return this.host.getAttribute(name)?.trim() ?? undefined;
  }
}

/** Splits the attribute into questions: `|` separates them, `\|` is a literal bar. */
export function suggestionsIn(text: string): string[] {
  return (text.match(/(?:\\\||[^|])+/g) ?? []).map((question) => question.replaceAll('\\|', '|'));
}
