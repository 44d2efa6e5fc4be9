import {
  type LanguageModelCreateOptions,
  type LanguageModelToolError,
  LanguageModelToolSuccess,
} from '../../src/prompt-api.ts';
import type { FakeChat, SaidToken } from './fake-chat.ts';
import { asked, made } from './fake-language-model.ts';

export const inputSchema = { type: 'object', properties: { city: { type: 'string' } } };
export const weather = { name: 'weather', description: 'The weather in a city', inputSchema };
export const declared = [
  { type: 'function', function: { name: 'weather', description: weather.description, parameters: inputSchema } },
];
/** Options of a session whose calls the page answers. */
export const OPEN = {
  tools: [weather],
  expectedInputs: [{ type: 'text' }, { type: 'tool-response' }, { type: 'tool-call' }],
  expectedOutputs: [{ type: 'text' }, { type: 'tool-call' }],
};

/** A session whose first answer is that, and whose later ones repeat the results of tools. */
export async function sessionWith(options: LanguageModelCreateOptions, ...first: (SaidToken | SaidToken[])[]) {
  const { LanguageModel, engines } = made();
  const session = await LanguageModel.create(options);
  const engine = engines[0]!;
  engine.answer = (messages) =>
    messages.at(-1)?.role === 'tool' ? [{ text: resultsIn(messages).join(' ') }] : first.flat();
  return { session, engine, LanguageModel };
}

export const resultsIn = (messages: readonly any[]): string[] =>
  messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
export const callMessage = (id: string, args: object) => ({
  id,
  type: 'function',
  function: { name: 'weather', arguments: JSON.stringify(args) },
});
export const lastMessages = (engine: FakeChat): any[] => asked(engine)['messages'];
export const answered = (...value: (LanguageModelToolSuccess | LanguageModelToolError)[]) => [
  { role: 'user' as const, content: value.map((value) => ({ type: 'tool-response', value })) },
];
export const success = (callId: string, ...result: any[]) =>
  new LanguageModelToolSuccess({ callId, name: 'weather', result });
