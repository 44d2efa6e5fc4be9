/**
 * Shows a model's answer as Markdown while it is streamed. `<linnet-chat>` uses it, and so can a page with its own
 * chat.
 */
import { MarkdownBuilder, type MarkdownParts } from './element/markdown/markdown.ts';
import { warmUp } from './element/markdown/parse.ts';
import { StreamedMarkdown } from './element/markdown/streamed.ts';

export type { MarkdownParts } from './element/markdown/markdown.ts';
export { cutText, plainName, plainText } from './protocol/text.ts';

/**
 * Shows a text as Markdown while it is streamed. The model's text is treated as data: each kind of Markdown becomes one
 * of a few elements, and words become text nodes. HTML is never parsed, nothing is loaded, and links lead to `http:`,
 * `https:` and `mailto:` only.
 */
export class MarkdownText {
  readonly #streamed: StreamedMarkdown;

  /**
   * @param root an empty element, for this text alone
   * @param parts what is put into it in addition to the text
   */
  constructor(root: HTMLElement, parts: MarkdownParts) {
    this.#streamed = new StreamedMarkdown(root, new MarkdownBuilder(parts, document.baseURI));
  }

  /** Prepares the parser so that the first answer is shown quickly. Call it when the page is idle. */
  static warmUp(): void {
    warmUp();
  }

  /** The text so far, as it was written. */
  get text(): string {
    return this.#streamed.text;
  }

  /** Adds text. It is shown in the next frame or later. */
  write(text: string): void {
    this.#streamed.write(text);
  }

  /** Ends the text. Resolves when all of it is shown. */
  end(): Promise<void> {
    return this.#streamed.end();
  }
}
