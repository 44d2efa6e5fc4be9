import { Lexer, type Token, Tokenizer, type Tokens } from 'marked';

/** Lists, quotations and emphasis that are nested deeper are shown as the text that they are. */
const DEEPEST = 8;
/** A text's lists and quotations may have this many times its length together: each level is parsed once more. */
const BLOCK_BUDGET = 2 * DEEPEST;
/** Marks of emphasis that may open none: for each the parser reads on to the end of the text. Those within words cost nothing. */
const UNPAIRED_MARKS = 80;

/**
 * Marked's tokenizer with limits. Of hostile text it takes seconds: it parses the rest of a text once more for each level of
 * nesting, once more for each line that continues a quotation, and to its end for each mark that might open an emphasis. What is
 * beyond a limit stays text.
 */
class BoundedTokenizer extends Tokenizer {
  #depth = 0;
  #emphasisDepth = 0;
  #blockBudget: number;
  #unpaired = 0;

  constructor(length: number) {
    super();
    this.#blockBudget = BLOCK_BUDGET * length;
  }

  override list(src: string): Tokens.List | undefined {
    return this.#block(() => super.list(src));
  }

  override blockquote(src: string): Tokens.Blockquote | undefined {
    return this.#block(() => super.blockquote(src));
  }

  override emStrong(src: string, maskedSrc: string, prevChar?: string): Tokens.Em | Tokens.Strong | undefined {
    if (src[0] === '_' && /[\p{L}\p{N}]/u.test(prevChar ?? '')) return undefined;
    return this.#emphasis(/^[*_]/.test(src), () => super.emStrong(src, maskedSrc, prevChar));
  }

  override del(src: string, maskedSrc: string, prevChar?: string): Tokens.Del | undefined {
    return this.#emphasis(src[0] === '~', () => super.del(src, maskedSrc, prevChar));
  }

  #emphasis<T extends Token>(marked: boolean, parse: () => T | undefined): T | undefined {
    if (!marked || this.#emphasisDepth === DEEPEST || this.#unpaired === UNPAIRED_MARKS) return undefined;
    this.#emphasisDepth++;
    const token = parse();
    this.#emphasisDepth--;
    if (!token) this.#unpaired++;
    return token;
  }

  #block<T extends Token>(parse: () => T | undefined): T | undefined {
    if (this.#depth === DEEPEST || this.#blockBudget <= 0) return undefined;
    this.#depth++;
    const token = parse();
    this.#depth--;
    if (token) this.#blockBudget -= token.raw.length;
    return token;
  }
}

/** The blocks of a Markdown text, in a time that grows with its length. Text that the parser cannot take is one paragraph. */
export function parse(text: string): Token[] {
  try {
    return Lexer.lex(text, { gfm: true, breaks: true, tokenizer: new BoundedTokenizer(text.length) });
  } catch {
    return [{ type: 'text', raw: text, text, escaped: true }];
  }
}

/** One of each kind, for the parser to be quick when the first answer comes: its rules are compiled when they are first used. */
const SAMPLES = ['a\n\n# b', '- a\n- b', '> a\n\n---', '| a |\n|---|\n| b |', '```js\na\n```', '**a** *b* `c` ~~d~~', '[a](https://b.example) <https://c.example> d@e.example'];

/** Of texts with characters beyond Latin-1 an engine makes strings of another kind, for which it compiles anew. */
const WIDE = ' …';

/** Makes the parser quick, a short while after another: its rules one by one first, of which each takes a phone a few milliseconds. */
export function warmUp(): void {
  const { block, inline } = Lexer.rules;
  const rules = [...Object.values(block.gfm), ...Object.values(inline.breaks)].filter((rule) => rule instanceof RegExp);
  const compiling = rules.flatMap((rule) => [() => compile(rule, ''), () => compile(rule, WIDE)]);
  const tasks = [...compiling, ...SAMPLES.map((sample) => () => void parse(sample))];
  for (const [i, task] of tasks.entries()) setTimeout(task, 10 * (i + 1));
}

/** Engines compile an expression when it is first used, and once more, better, when it is used again. */
function compile(rule: RegExp, end: string): void {
  for (const sample of SAMPLES) rule.test(sample + end);
  rule.lastIndex = 0;
}
