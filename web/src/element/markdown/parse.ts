import { Lexer, type Token, Tokenizer, type Tokens } from 'marked';

/** Deeper nesting of lists, quotations and emphasis is shown as plain text. */
const DEEPEST = 8;
/** The most text in lists and quotations, relative to the whole text: each level is parsed again. */
const BLOCK_BUDGET = 2 * DEEPEST;
/**
 * The most unmatched emphasis marks: for each the parser reads to the end of the text. Those within words cost nothing.
 */
const UNPAIRED_MARKS = 80;

/**
 * Marked's tokenizer with limits, since hostile text takes it seconds: it parses the rest of a text again for each
 * nesting level and for each continued line of a quotation, and reads to the end for each mark that might open
 * emphasis. Text beyond a limit stays plain.
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

/** The blocks of a Markdown text, in linear time. Text that the parser cannot handle becomes one paragraph. */
export function parse(text: string): Token[] {
  try {
    return Lexer.lex(text, { gfm: true, breaks: true, tokenizer: new BoundedTokenizer(text.length) });
  } catch {
    return [{ type: 'text', raw: text, text, escaped: true }];
  }
}

/** One block of each kind, to compile the parser's rules before the first answer. */
const SAMPLES = [
  'a\n\n# b',
  '- a\n- b',
  '> a\n\n---',
  '| a |\n|---|\n| b |',
  '```js\na\n```',
  '**a** *b* `c` ~~d~~',
  '[a](https://b.example) <https://c.example> d@e.example',
];

/** Browsers store text beyond Latin-1 in another form, for which expressions are compiled again. */
const WIDE = ' …';

/** Prepares the parser in short steps: its rules one by one, since each takes a phone some milliseconds. */
export function warmUp(): void {
  const { block, inline } = Lexer.rules;
  const rules = [...Object.values(block.gfm), ...Object.values(inline.breaks)].filter((rule) => rule instanceof RegExp);
  const compiling = rules.flatMap((rule) => [() => compile(rule, ''), () => compile(rule, WIDE)]);
  const tasks = [...compiling, ...SAMPLES.map((sample) => () => void parse(sample))];
  for (const [i, task] of tasks.entries()) setTimeout(task, 10 * (i + 1));
}

/** Browsers compile an expression at its first use, and optimize it at the next. */
function compile(rule: RegExp, end: string): void {
  for (const sample of SAMPLES) rule.test(sample + end);
  rule.lastIndex = 0;
}
