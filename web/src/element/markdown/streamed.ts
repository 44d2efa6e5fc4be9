import type { Token } from 'marked';
import { cutText } from '../../protocol/text.ts';
import type { MarkdownBuilder } from './markdown.ts';
import { parse } from './parse.ts';

/**
 * The most characters of an unfinished block: it is rendered again as it grows, which must take only a few
 * milliseconds.
 */
const LONGEST = 2000;
/**
 * The largest share of the main thread's time for rendering: after a frame that took 5 ms, the next one comes 25 ms
 * later.
 */
const SHARE = 0.2;

/** Shows a streamed answer as Markdown. Complete blocks stay; only the last one is rendered again. */
export class StreamedMarkdown {
  #text = '';
  /** The unfinished block's text, its elements, and their tokens. */
  #tail = '';
  #nodes: HTMLElement[] = [];
  #last: Token | undefined;
  /** The previous block, if the unfinished one continues it. */
  #cutOff: { token: Token; element: HTMLElement } | undefined;
  #planned: (() => void) | undefined;
  #restUntil = 0;
  #onEnd: (() => void) | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly builder: MarkdownBuilder,
  ) {}

  /** The text so far, as it was written. */
  get text(): string {
    return this.#text;
  }

  /** Adds text. It is shown in the next frame or later. */
  write(text: string): void {
    this.#text += text;
    this.#tail += text.replace(/\r/g, '');
    this.#plan();
  }

  /** Ends the text. Resolves when all of it is shown. */
  end(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEnd = resolve;
      this.#plan();
    });
  }

  #plan(): void {
    if (this.#planned) return;
    const go = () => {
      this.#planned = undefined;
      this.#render();
    };
    const wait = this.#restUntil - performance.now();
    // A hidden page has no frames, but plenty of time.
    if (wait > 16 || document.hidden) {
      const timer = setTimeout(go, Math.max(wait, 0));
      this.#planned = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(go);
      this.#planned = () => cancelAnimationFrame(frame);
    }
  }

  #render(): void {
    const began = performance.now();
    if (this.#tail.length > LONGEST) {
      this.#cut();
    } else {
      const tokens = parse(this.#tail);
      this.#show(tokens, this.#onEnd ? tokens.length : firstOpen(tokens));
    }
    const now = performance.now();
    this.#restUntil = now + (now - began) * (1 / SHARE - 1);
    // A very long piece of text is shown over several frames.
    if (this.#tail.length > LONGEST || (this.#onEnd && this.#tail)) this.#plan();
    else this.#onEnd?.();
  }

  /** Ends a block that has become too long, at a line's end if possible, and continues with its rest. */
  #cut(): void {
    const line = this.#tail.lastIndexOf('\n', LONGEST - 1) + 1;
    // A single character that is too long is cut apart.
    const length = line > LONGEST / 2 ? line : cutText(this.#tail, LONGEST).length || LONGEST;
    const rest = this.#tail.slice(length);
    this.#tail = this.#tail.slice(0, length);
    const tokens = parse(this.#tail);
    const open = firstOpen(tokens);
    if (open > 0) {
      // There are several blocks, and only the last one continues.
      const last = tokens.slice(open).map(({ raw }) => raw);
      this.#show(tokens.slice(0, open), open);
      this.#tail = last.join('') + rest;
      return;
    }
    this.#show(tokens, tokens.length);
    const token = tokens.at(-1);
    const element = this.root.lastElementChild;
    if (token && element) this.#cutOff = { token, element: element as HTMLElement };
    this.#tail = opening(token) + (token?.type === 'code' ? rest : rest.replace(/^\n+/, ''));
  }

  /** Replaces the unfinished block; the blocks before `open` are finished. */
  #show(tokens: Token[], open: number): void {
    const grown = this.#grow(tokens[0]);
    const kept = grown ? this.#nodes : [];
    if (!grown) for (const node of this.#nodes) node.remove();
    const rest = grown ? 1 : 0;
    const length = tokens.slice(0, open).reduce((sum, { raw }) => sum + raw.length, 0);
    this.#tail = open === tokens.length ? '' : this.#tail.slice(length);
    this.root.append(...tokens.slice(rest, open).flatMap((token) => this.builder.block(token)));
    const unfinished = tokens
      .slice(Math.max(rest, open))
      .flatMap((token) => this.builder.block(token)) as HTMLElement[];
    this.root.append(...unfinished);
    this.#nodes = open === 0 ? [...kept, ...unfinished] : unfinished;
    this.#last = tokens[open];
    if (open > 0) this.#cutOff = undefined;
  }

  /** Extends the unfinished block's element. Returns whether that was possible. */
  #grow(token: Token | undefined): boolean {
    const [before, cutOff] = [this.#last, this.#cutOff];
    if (cutOff) {
      this.#nodes = [];
      if (before && token && this.builder.update(cutOff.element, before, token)) return true;
      // What was added to the element of the cut block is removed and added again.
      if (before) this.builder.retract(cutOff.element, before);
      if (token && this.builder.extend(cutOff.element, cutOff.token, token)) return true;
      this.#cutOff = undefined;
      return false;
    }
    return (
      before !== undefined &&
      token !== undefined &&
      this.#nodes.length === 1 &&
      this.builder.update(this.#nodes[0]!, before, token)
    );
  }
}

/** The first token that may still change: the last non-blank one, and what precedes it if that is too short. */
function firstOpen(tokens: Token[]): number {
  let open = Math.max(
    tokens.findLastIndex(({ type }) => type !== 'space'),
    0,
  );
  const before = () => tokens.slice(0, open).findLastIndex(({ type }) => type !== 'space');
  // "2" may become "2. " and continue the list.
  if ((tokens[open]?.raw.trim().length ?? 4) < 4 && before() >= 0) open = before();
  // Two lines may become a table's head.
  while (tokens[open]?.type === 'paragraph' && tokens[open - 1]?.type === 'paragraph') open--;
  return open;
}

/** The text to put before the rest of a cut block, so that it stays a block of that kind. */
function opening(token: Token | undefined): string {
  if (token?.type === 'table') return `${token.raw.split('\n').slice(0, 2).join('\n')}\n`;
  const fence = token?.type === 'code' ? /^ {0,3}(`{3,}|~{3,})[^\n]*\n/.exec(token.raw) : null;
  return fence && !token!.raw.trimEnd().endsWith(`\n${fence[1]}`) ? fence[0] : '';
}
