import type { Backend, Recovered, RecoveryStep, RiskyPhase } from '../protocol/messages.ts';
import type { ResolvedModel } from '../protocol/model-files.ts';

// A page that takes too much memory, or upsets a driver, is killed: no error is thrown, and whoever reloads it runs into the same
// again. So a mark is left before each risky phase and taken away after it. A visit that finds the mark of a page that is gone
// knows what it died of, and tries less.

/** What is asked of a load, as far as it can be less. */
export interface Demand {
  backend: Backend;
  contextLength?: number;
}

/** What is known of one model's deaths. */
interface Record {
  crashes: number;
  phase: RiskyPhase;
  /** When the last one was noticed, in milliseconds since 1970. */
  at: number;
}

/** The mark of a page at risk. */
interface Mark {
  model: string;
  phase: RiskyPhase;
  /** Pages that nobody looks at are killed for many reasons. */
  hidden: boolean;
}

/** What the marks are kept in: the page's `localStorage`. */
export type MarkStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

const MARK = 'linnet-risk ';
const RECORD = 'linnet-crashes ';
/** Drivers are mended, and memory is set free: after so many milliseconds the full demand is tried again. */
const MEMORY = 7 * 24 * 3600 * 1000;
/** Tokens that always fit, if the weights do. */
const SMALL_CONTEXT = 2048;

/** The word under which deaths of a model are noted. */
export function crashKeyOf(model: ResolvedModel): string {
  return model.map((file) => (file.kind === 'remote' ? (file.called ?? file.urls.at(-1) ?? file.key) : `${(file.blob as File).name} ${file.blob.size}`)).join(' ');
}

/** The marks and records of one origin. */
export class Recovery {
  constructor(
    readonly store: MarkStore,
    /** Whether a page with that mark still lives. */
    readonly lives: (page: string) => Promise<boolean>,
    readonly now: () => number = Date.now,
  ) {}

  /** Turns the marks of pages that are gone into records. */
  async notice(): Promise<void> {
    const names = Array.from({ length: this.store.length }, (_, index) => this.store.key(index) ?? '').filter((name) => name.startsWith(MARK));
    for (const name of names) {
      if (await this.lives(name.slice(MARK.length))) continue;
      const mark = this.#read<Mark>(name);
      this.store.removeItem(name);
      if (!mark || mark.hidden) continue;
      const crashes = (this.#record(mark.model)?.crashes ?? 0) + 1;
      this.#write<Record>(RECORD + mark.model, { crashes, phase: mark.phase, at: this.now() });
    }
  }

  /** What to do differently this time; nothing where all went well. */
  stepFor(model: string, { backend }: Demand): Recovered | undefined {
    const record = this.#record(model);
    if (!record) return undefined;
    const steps: RecoveryStep[] = backend === 'auto' ? ['smaller-context', 'cpu', 'smaller-model'] : ['smaller-context', 'smaller-model'];
    const step = steps[Math.min(record.crashes, steps.length) - 1]!;
    return { step, crashes: record.crashes, phase: record.phase };
  }

  /** Leaves the mark of a page. */
  mark(page: string, model: string, phase: RiskyPhase, hidden: boolean): void {
    this.#write<Mark>(MARK + page, { model, phase, hidden });
  }

  /** Takes it away. */
  unmark(page: string): void {
    this.store.removeItem(MARK + page);
  }

  /** Forgets the deaths of a model, or of all. */
  reset(model?: string): void {
    const names = Array.from({ length: this.store.length }, (_, index) => this.store.key(index) ?? '');
    for (const name of names) if (model === undefined ? name.startsWith(RECORD) : name === RECORD + model) this.store.removeItem(name);
  }

  #record(model: string): Record | undefined {
    const record = this.#read<Record>(RECORD + model);
    return record && this.now() - record.at < MEMORY ? record : undefined;
  }

  #read<T>(name: string): T | undefined {
    try {
      return (JSON.parse(this.store.getItem(name) ?? 'null') as T | null) ?? undefined;
    } catch {
      return undefined;
    }
  }

  #write<T>(name: string, value: T): void {
    try {
      this.store.setItem(name, JSON.stringify(value));
    } catch {
      // No room for a few bytes: then there is no net.
    }
  }
}

/** The demand after that step. `smaller-model` is for the caller: it is not this demand any more. */
export function steppedDown(demand: Demand, step: RecoveryStep): Demand {
  const contextLength = Math.min(SMALL_CONTEXT, demand.contextLength === undefined ? SMALL_CONTEXT : Math.max(512, Math.floor(demand.contextLength / 2)));
  return { contextLength, backend: step === 'smaller-context' ? demand.backend : demand.backend === 'auto' ? 'cpu' : demand.backend };
}
