// Evaluates arithmetic that a model writes. Nothing is run as code.

const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  cos: Math.cos,
  exp: Math.exp,
  floor: Math.floor,
  ln: Math.log,
  log: Math.log10,
  max: Math.max,
  min: Math.min,
  round: Math.round,
  sin: Math.sin,
  sqrt: Math.sqrt,
  tan: Math.tan,
};
const CONSTANTS: Readonly<Record<string, number>> = { e: Math.E, pi: Math.PI, π: Math.PI };
/** The most characters of an expression, so that nesting cannot exhaust the stack. */
const LONGEST = 1000;

/** Numbers, names, and signs. Models also write the signs of print: ×, ÷, −. */
const TOKEN = /\s*(?:(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([a-zπ]\w*)|(\*\*|[-+*/%^(),×÷−]))/iy;
/** How the signs are read. */
const SIGNS: Readonly<Record<string, string>> = { '×': '*', '÷': '/', '−': '-', '**': '^' };

/**
 * The value of an expression: `+ - * / % ^`, parentheses, `pi`, `e`, and functions such as `sqrt`. `%` is the remainder
 * and has the sign of its first number. `^` binds tighter than a sign, and to the right: `-2^2` is -4.
 *
 * @throws Error that says what is wrong, for the model
 */
export function calculate(expression: string): number {
  if (expression.length > LONGEST) throw new Error(`the expression is longer than ${LONGEST} characters`);
  const value = new Parser(tokensOf(expression)).whole();
  if (!Number.isFinite(value)) throw new Error(Number.isNaN(value) ? 'the result is not a number' : 'it is infinite');
  return value;
}

function tokensOf(expression: string): string[] {
  const tokens: string[] = [];
  const text = expression.trim();
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.length; ) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) throw new Error(`"${text.slice(at).trim().slice(0, 20)}" cannot be read`);
    const [, number, name, sign] = found;
    tokens.push(number ?? name?.toLowerCase() ?? SIGNS[sign!] ?? sign!);
  }
  return tokens;
}

/** Reads by descent, one method for each level of precedence. */
class Parser {
  #at = 0;

  constructor(private readonly tokens: readonly string[]) {}

  whole(): number {
    const value = this.#sum();
    const rest = this.tokens[this.#at];
    if (rest !== undefined) throw new Error(`unexpected "${rest}"`);
    return value;
  }

  #sum(): number {
    let value = this.#product();
    for (;;) {
      if (this.#takes('+')) value += this.#product();
      else if (this.#takes('-')) value -= this.#product();
      else return value;
    }
  }

  #product(): number {
    let value = this.#signed();
    for (;;) {
      if (this.#takes('*')) value *= this.#signed();
      else if (this.#takes('/')) value = divided(value, this.#signed());
      else if (this.#takes('%')) value = divided(value, this.#signed(), true);
      else return value;
    }
  }

  #signed(): number {
    if (this.#takes('-')) return -this.#signed();
    if (this.#takes('+')) return this.#signed();
    const base = this.#atom();
    return this.#takes('^') ? base ** this.#signed() : base;
  }

  #atom(): number {
    const token = this.tokens[this.#at++];
    if (token === undefined) throw new Error('the expression is not complete');
    if (/^[\d.]/.test(token)) return Number(token);
    if (token === '(') {
      const value = this.#sum();
      this.#needs(')');
      return value;
    }
    if (Object.hasOwn(CONSTANTS, token)) return CONSTANTS[token]!;
    if (!Object.hasOwn(FUNCTIONS, token)) throw new Error(`unexpected "${token}"`);
    this.#needs('(');
    const values = [this.#sum()];
    while (this.#takes(',')) values.push(this.#sum());
    this.#needs(')');
    if (values.length > 1 && token !== 'min' && token !== 'max') throw new Error(`${token} takes one number`);
    return FUNCTIONS[token]!(...values);
  }

  #takes(token: string): boolean {
    if (this.tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #needs(token: string): void {
    if (!this.#takes(token)) throw new Error(`"${token}" is missing`);
  }
}

function divided(value: number, by: number, remainder = false): number {
  if (by === 0) throw new Error('division by zero');
  return remainder ? value % by : value / by;
}
