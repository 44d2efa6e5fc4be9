/** 98362432 -> "98.4 MB". */
export function bytes(count: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 100 ? 1 : 0)} ${units[unit]}`;
}

/** "42.1 of 98.4 MB" */
export function part(done: number, total: number): string {
  const [a, b] = [bytes(done), bytes(total)];
  const [amount, unit] = a.split(' ');
  return b.endsWith(` ${unit}`) ? `${amount} of ${b}` : `${a} of ${b}`;
}

/** 134515008 -> "135 million" */
export function parameters(count: number): string {
  return count < 999.5e6 ? `${(count / 1e6).toPrecision(3)} million` : `${(count / 1e9).toPrecision(3)} billion`;
}

/** 1 -> "1 token", 8192 -> "8,192 tokens" */
export function tokens(count: number): string {
  return `${whole(count)} ${count === 1 ? 'token' : 'tokens'}`;
}

/** "12.3 tokens/s" */
export function speed(perSecond: number): string {
  return `${perSecond.toFixed(perSecond < 99.95 ? 1 : 0)} tokens/s`;
}

/** 8192 -> "8,192" */
export function whole(count: number): string {
  // Without the browser's formatter, whose creation takes a phone a tenth of a second.
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
