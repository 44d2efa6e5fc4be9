import type { Backend, Recovered, RecoveryStep, RiskyPhase } from '../protocol/messages.ts';
import type { ResolvedModel } from '../protocol/model-files.ts';

// A page that uses too much memory, or crashes a GPU driver, is killed without an error, and reloading it would repeat
// the crash. So a marker is stored before each risky phase and removed after it. A visit that finds the marker of a
// page that no longer exists knows that it crashed, and tries less.

/** The options of a load that can be reduced. */
export interface Demand {
  backend: Backend;
  contextLength?: number;
}

/** The crashes of one model. */
interface Record {
  crashes: number;
  phase: RiskyPhase;
  /** When the last crash was noticed, in milliseconds since 1970. */
  at: number;
}

/** The marker of a page in a risky phase. */
interface Mark {
  model: string;
  phase: RiskyPhase;
  /** Hidden pages are killed for many reasons. */
  hidden: boolean;
}

/** The store of the markers: the page's `localStorage`. */
export type MarkStore = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

const MARK = 'linnet-risk ';
const RECORD = 'linnet-crashes ';
/** After this many milliseconds crashes are forgotten, since drivers are updated and memory is freed. */
const MEMORY = 7 * 24 * 3600 * 1000;
/** A context that always fits if the weights do. */
const SMALL_CONTEXT = 2048;

/** The key under which crashes of a model are recorded. */
export function crashKeyOf(model: ResolvedModel): string {
  return model
    .map((file) =>
      file.kind === 'remote'
        ? (file.called ?? file.urls.at(-1) ?? file.key)
        : `${(file.blob as File).name} ${file.blob.size}`,
    )
    .join(' ');
}

/** The markers and crash records of one origin. */
export class Recovery {
  constructor(
    readonly store: MarkStore,
    /** Whether the page with that marker is alive. */
    readonly lives: (page: string) => Promise<boolean>,
    readonly now: () => number = Date.now,
  ) {}

  /** Turns the markers of crashed pages into records. */
  async notice(): Promise<void> {
    const names = Array.from({ length: this.store.length }, (_, index) => this.store.key(index) ?? '').filter((name) =>
      name.startsWith(MARK),
    );
    for (const name of names) {
      if (await this.lives(name.slice(MARK.length))) continue;
      const mark = this.#read<Mark>(name);
      this.store.removeItem(name);
      if (!mark || mark.hidden) continue;
      const crashes = (this.#record(mark.model)?.crashes ?? 0) + 1;
      this.#write<Record>(RECORD + mark.model, { crashes, phase: mark.phase, at: this.now() });
    }
  }

  /** What to change this time; `undefined` if nothing crashed. */
  stepFor(model: string, { backend }: Demand): Recovered | undefined {
    const record = this.#record(model);
    if (!record) return undefined;
    const steps: RecoveryStep[] =
      backend === 'auto' ? ['smaller-context', 'cpu', 'smaller-model'] : ['smaller-context', 'smaller-model'];
    const step = steps[Math.min(record.crashes, steps.length) - 1]!;
    return { step, crashes: record.crashes, phase: record.phase };
  }

  /** Stores the marker of a page. */
  mark(page: string, model: string, phase: RiskyPhase, hidden: boolean): void {
    this.#write<Mark>(MARK + page, { model, phase, hidden });
  }

  /** Removes the marker of a page. */
  unmark(page: string): void {
    this.store.removeItem(MARK + page);
  }

  /** Forgets the crashes of one model, or of all. */
  reset(model?: string): void {
    const names = Array.from({ length: this.store.length }, (_, index) => this.store.key(index) ?? '');
    for (const name of names)
      if (model === undefined ? name.startsWith(RECORD) : name === RECORD + model) this.store.removeItem(name);
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
      // There is no space for a few bytes: crashes go unnoticed.
    }
  }
}

/** Reduces a load's options by that step. The caller handles `smaller-model`. */
export function steppedDown(demand: Demand, step: RecoveryStep): Demand {
  const contextLength = Math.min(
    SMALL_CONTEXT,
    demand.contextLength === undefined ? SMALL_CONTEXT : Math.max(512, Math.floor(demand.contextLength / 2)),
  );
  return {
    contextLength,
    backend: step === 'smaller-context' ? demand.backend : demand.backend === 'auto' ? 'cpu' : demand.backend,
  };
}
