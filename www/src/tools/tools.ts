import type { PageTool } from 'linnet/chat-history';
import { calculate } from './calculate.ts';

/** Digits of a result: the last two of a double are often rounding errors, as in 0.1 + 0.2. */
const DIGITS = 15;

const CLOCK: PageTool = {
  name: 'clock',
  description: "Returns the current date, weekday, time and time zone of the person's device.",
  execute: () => {
    const now = new Date();
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const local = now.toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'medium' });
    return { local, time_zone: timeZone, utc: now.toISOString() };
  },
};

const CALCULATOR: PageTool = {
  name: 'calculator',
  description: 'Evaluates arithmetic exactly: + - * / % ^, parentheses, pi, e, sqrt, sin, log, min, max and so on.',
  parameters: {
    type: 'object',
    properties: { expression: { type: 'string', description: 'For example "(3 + 4) * 12.5".' } },
    required: ['expression'],
  },
  execute: ({ expression }: { expression?: unknown }) => {
    if (typeof expression !== 'string' && typeof expression !== 'number')
      throw new Error('the argument "expression" must be a string');
    return String(Number(calculate(String(expression)).toPrecision(DIGITS)));
  },
};

/** The tools that the chat has, if the person wants them. */
export const TOOLS = { clock: CLOCK, calculator: CALCULATOR } as const;
