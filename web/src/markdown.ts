/**
 * A model's answer as a page shows it: Markdown, made into elements as it comes. `<linnet-chat>` uses it; a page with a chat of its
 * own can, too.
 */
import { MarkdownBuilder, type MarkdownParts } from './element/markdown/markdown.ts';
import { warmUp } from './element/markdown/parse.ts';
import { StreamedMarkdown } from './element/markdown/streamed.ts';

export type { MarkdownParts } from './element/markdown/markdown.ts';
export { cutText, plainName, plainText } from './protocol/text.ts';
export { partsOf, type Spoken } from './element/markdown/reasoning.ts';

/**
 * Shows a text as Markdown while it comes. What a model writes is data: each kind of Markdown becomes one of a few elements, and the
 * words become text in them; no HTML is ever parsed, nothing is loaded, and links lead to `http:`, `https:` and `mailto:` only.
 */
export class MarkdownText {
  readonly #streamed: StreamedMarkdown;

  /**
   * @param root an empty element, for this text alone
   * @param parts what is put into it beside the text
   */
  constructor(root: HTMLElement, parts: MarkdownParts) {
    this.#streamed = new StreamedMarkdown(root, new MarkdownBuilder(parts, document.baseURI));
  }

  /** Makes the first answer quick: to be called when there is time, before one comes. */
  static warmUp(): void {
    warmUp();
  }

  /** All that has come, as it was written. */
  get text(): string {
    return this.#streamed.text;
  }

  /** Adds text. It is shown with the next frame at the earliest. */
  write(text: string): void {
    this.#streamed.write(text);
  }

  /** Nothing more comes. Settles when all of it is shown. */
  end(): Promise<void> {
    return this.#streamed.end();
  }
}
