import type { Token, Tokens } from 'marked';
import { plainText } from '../../protocol/text.ts';
import { hiddenTarget, readReferences, safeAddress } from './links.ts';

/** Parts of a rendered answer that the page provides. */
export interface MarkdownParts {
  /** The text that replaces a picture. */
  image(text: string): string;
  /** The name of a table, for scrolling by keyboard. */
  table: string;
  /** Creates a button that copies a block of code. */
  copyButton(code: () => string): HTMLElement;
}

/**
 * Turns Markdown into elements. Each kind of token becomes one of a few elements, and the model's words become text
 * nodes: HTML is never parsed, so there is nothing to sanitize. HTML in an answer is shown as text. Nothing is loaded:
 * a picture is replaced by its description. Links lead only to `http:`, `https:` and `mailto:` addresses, without a
 * reference to this page.
 */
export class MarkdownBuilder {
  constructor(
    private readonly parts: MarkdownParts,
    /** The base of relative links. */
    private readonly base: string,
  ) {}

  /** Creates the elements of one block. */
  block(token: Token): Node[] {
    switch (token.type) {
      case 'space':
      case 'def':
        return [];
      case 'hr':
        return [make('hr')];
      case 'heading': {
        // All headings have one level, below the chat's: models skip levels, which confuses screen readers.
        const heading = block('h3');
        heading.className = `depth-${(token as Tokens.Heading).depth}`;
        return [this.#into(heading, token.tokens)];
      }
      case 'code':
        return [this.#code(token as Tokens.Code)];
      case 'blockquote':
        return [append(make('blockquote'), this.#blocks(token.tokens))];
      case 'list':
        return [this.#list(token as Tokens.List)];
      case 'table':
        return [this.#table(token as Tokens.Table)];
      case 'text':
      case 'paragraph':
        return [this.#into(block('p'), token.tokens ?? [token])];
      default:
        return [append(block('p'), [this.#text(token.raw.trimEnd())])];
    }
  }

  /**
   * Updates the element of one token to show another token that extends it; unchanged parts stay. Returns whether that
   * was possible. Content before the element's own part also stays.
   */
  update(element: HTMLElement, before: Token, after: Token): boolean {
    if (before.type !== after.type) return false;
    switch (after.type) {
      case 'text':
      case 'paragraph': {
        const [old, text] = [before as Tokens.Text, after as Tokens.Text];
        if (!old.tokens || !text.tokens) return false;
        return this.#grow(
          element,
          old.tokens,
          text.tokens,
          ({ raw }) => raw,
          (token) => this.#inline(token),
        );
      }
      case 'list': {
        const [old, list] = [before as Tokens.List, after as Tokens.List];
        if (old.ordered !== list.ordered || old.start !== list.start || old.loose !== list.loose) return false;
        return this.#grow(
          element,
          old.items,
          list.items,
          ({ raw }) => raw,
          (item) => this.#item(item),
        );
      }
      case 'table': {
        const [old, table] = [before as Tokens.Table, after as Tokens.Table];
        if (key(old.header) !== key(table.header)) return false;
        return this.#grow(element.querySelector('tbody')!, old.rows, table.rows, key, (row) => this.#row(row));
      }
      case 'code': {
        const [old, code] = [codeOf(before as Tokens.Code), codeOf(after as Tokens.Code)];
        if (!code.startsWith(old)) return false;
        (element.querySelector('code')!.firstChild as Text).appendData(plainText(code.slice(old.length)));
        return true;
      }
      default:
        return false;
    }
  }

  /** Continues a list, a table or a block of code in an earlier element. Returns whether they belong together. */
  extend(element: HTMLElement, before: Token, after: Token): boolean {
    if (before.type !== after.type) return false;
    switch (after.type) {
      case 'list':
        if ((before as Tokens.List).ordered !== (after as Tokens.List).ordered) return false;
        append(
          element,
          (after as Tokens.List).items.map((item) => this.#item(item)),
        );
        return true;
      case 'table':
        append(
          element.querySelector('tbody')!,
          (after as Tokens.Table).rows.map((row) => this.#row(row)),
        );
        return true;
      case 'code':
        (element.querySelector('code')!.firstChild as Text).appendData(plainText(`\n${codeOf(after as Tokens.Code)}`));
        return true;
      default:
        return false;
    }
  }

  /** Removes what {@link MarkdownBuilder.extend} added for a token. */
  retract(element: HTMLElement, token: Token): void {
    const [parent, count] =
      token.type === 'list'
        ? [element, (token as Tokens.List).items.length]
        : [element.querySelector('tbody'), (token as Tokens.Table).rows?.length ?? 0];
    if (token.type === 'code') {
      const text = element.querySelector('code')!.firstChild as Text;
      const added = plainText(`\n${codeOf(token as Tokens.Code)}`).length;
      text.deleteData(text.length - added, added);
    } else {
      for (let left = count; left > 0; left--) parent?.lastChild?.remove();
    }
  }

  /** Replaces the last children of an element, one per item; those of unchanged items stay. */
  #grow<T>(
    parent: HTMLElement,
    before: readonly T[],
    after: readonly T[],
    key: (thing: T) => string,
    build: (thing: T) => Node,
  ): boolean {
    let same = 0;
    while (same < before.length && same < after.length && key(before[same]!) === key(after[same]!)) same++;
    for (let rest = before.length - same; rest > 0; rest--) parent.lastChild?.remove();
    append(parent, after.slice(same).map(build));
    return true;
  }

  #blocks(tokens: Token[] | undefined): Node[] {
    return (tokens ?? []).flatMap((token) => this.block(token));
  }

  #inline(token: Token): Node {
    switch (token.type) {
      case 'strong':
      case 'em':
      case 'del':
        return this.#into(make(token.type), token.tokens);
      case 'codespan':
        return append(make('code'), [this.#text(token['text'] as string)]);
      case 'br':
        return make('br');
      case 'link':
        return this.#link(token as Tokens.Link);
      case 'image': {
        const { text, href } = token as Tokens.Image;
        return this.#link({ type: 'link', raw: '', href, text, tokens: [literal(this.parts.image(text))] });
      }
      case 'html':
        // The only HTML that models need, in tables.
        return /^<br\s*\/?>$/i.test(token.raw) ? make('br') : this.#text(token.raw);
      case 'escape':
        return this.#text(token['text'] as string);
      case 'text':
        if (token.tokens) return this.#into(make('span'), token.tokens);
        return this.#text(token['escaped'] ? (token['text'] as string) : readReferences(token['text'] as string));
      default:
        return this.#text(token.raw);
    }
  }

  #link({ href, text, tokens }: Tokens.Link): Node {
    const address = safeAddress(readReferences(href), this.base);
    if (!address) return this.#into(make('span'), tokens);
    const link = make('a') as HTMLAnchorElement;
    link.href = address;
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow ugc';
    // Shows the real target, whatever the text says.
    if (text !== address) link.title = address;
    this.#into(link, tokens);
    const target = hiddenTarget(link.textContent ?? '', address);
    if (target) {
      // A text that names another place would mislead.
      const real = make('span');
      real.dir = 'ltr';
      real.textContent = `(${target})`;
      link.append(' ', real);
    }
    return link;
  }

  #list({ ordered, start, items }: Tokens.List): Node {
    const list = make(ordered ? 'ol' : 'ul');
    if (ordered && typeof start === 'number' && start !== 1) (list as HTMLOListElement).start = Math.min(start, 1e6);
    return append(
      list,
      items.map((item) => this.#item(item)),
    );
  }

  #item(item: Tokens.ListItem): Node {
    const entry = block('li');
    for (const token of item.tokens) {
      if (token.type === 'checkbox') entry.append(item.checked ? '☑ ' : '☐ ');
      // A tight list has no paragraphs.
      else if (token.type === 'text') this.#into(entry, token.tokens ?? [token]);
      else entry.append(...this.block(token));
    }
    return entry;
  }

  #table({ header, rows }: Tokens.Table): Node {
    const body = append(
      make('tbody'),
      rows.map((row) => this.#row(row)),
    );
    const table = append(make('table'), [append(make('thead'), [this.#row(header)]), body]);
    // A wide table scrolls by itself, by keyboard too.
    const frame = make('div', 'table');
    frame.tabIndex = 0;
    frame.setAttribute('role', 'region');
    frame.setAttribute('aria-label', this.parts.table);
    return append(frame, [table]);
  }

  #row(cells: Tokens.TableCell[]): Node {
    const made = cells.map(({ header, align, tokens }) => {
      const cell = this.#into(block(header ? 'th' : 'td'), tokens) as HTMLElement;
      if (align) cell.className = align;
      return cell;
    });
    return append(make('tr'), made);
  }

  #code(token: Tokens.Code): Node {
    const frame = make('div', 'code');
    const head = make('div', 'code-head');
    const name = make('span');
    name.textContent = plainText(/^[\w+#.-]{1,24}/.exec(token.lang ?? '')?.[0] ?? '');
    const code = append(make('code'), [this.#text(codeOf(token))]);
    head.append(
      name,
      this.parts.copyButton(() => code.textContent ?? ''),
    );
    const pre = make('pre');
    pre.tabIndex = 0;
    pre.dir = 'ltr';
    pre.append(code);
    frame.append(head, pre);
    return frame;
  }

  #into(parent: Node, tokens: Token[] | undefined): Node {
    return append(
      parent,
      (tokens ?? []).map((token) => this.#inline(token)),
    );
  }

  #text(text: string): Text {
    return document.createTextNode(plainText(text));
  }
}

function make(tag: string, className = ''): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
}

/** Creates an element whose text determines its direction. */
function block(tag: string): HTMLElement {
  const made = make(tag);
  made.dir = 'auto';
  return made;
}

function append(parent: Node, children: Node[]): Node {
  for (const child of children) parent.appendChild(child);
  return parent;
}

function literal(text: string): Tokens.Text {
  return { type: 'text', raw: text, text, escaped: true };
}

/** The code's lines. Blank lines at the end only stay until more text comes. */
function codeOf({ text }: Tokens.Code): string {
  return text.replace(/\n+$/, '');
}

/** Identifies a table's row. */
function key(row: readonly Tokens.TableCell[]): string {
  return row.map(({ text, align }) => `${align}${text}`).join('|');
}
