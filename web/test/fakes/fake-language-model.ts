import { LinnetError } from '../../src/protocol/errors.ts';
import { languageModelOf } from '../../src/prompt-api.ts';
import { EngineProvider } from '../../src/prompt-api/provider.ts';
import { FakeChat } from './fake-chat.ts';

// Node lacks this class.
(globalThis as any).ProgressEvent ??= class extends Event {
  loaded: number;
  total: number;
  constructor(type: string, { loaded, total }: { loaded: number; total: number }) {
    super(type);
    this.loaded = loaded;
    this.total = total;
  }
};

/** A `LanguageModel` class with a fake engine, and that engine. */
export function made(contextLength?: number, kept = 30_000, languages: string[] = []) {
  const engines: FakeChat[] = [];
  const provider = new EngineProvider(
    async (tell, signal) => {
      for (const loaded of [0.25, 0.5, 1]) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (signal.aborted) throw new LinnetError('aborted', 'stopped');
        tell(loaded);
      }
      engines.push(new FakeChat(contextLength));
      return engines.at(-1)!;
    },
    () => Promise.resolve(false),
    kept,
    languages,
  );
  return { LanguageModel: languageModelOf(provider), engines };
}

/** For `assert.rejects`: a DOMException with that name. */
export const named = (name: string) => (error: any) => error instanceof DOMException && error.name === name;
/** The last request, without requests that only count. */
export const asked = (engine: FakeChat) => engine.requests.filter(({ max_tokens }) => max_tokens !== 1).at(-1)!;
/** Calls a method with arguments of any type. */
export const loosely = (method: unknown, of: object, ...args: unknown[]): any =>
  (method as (...args: unknown[]) => unknown).apply(of, args);
