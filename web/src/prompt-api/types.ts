import type { CreateMonitor } from './events.ts';
import type { LanguageModelExpected, LanguageModelMessage, LanguageModelOutput } from './input.ts';
import type { SamplingMode } from './sampling.ts';
import type { LanguageModelTool } from './tools.ts';

/** Whether a session can be created: at once, after a download (which may be in progress), or not at all. */
export type Availability = 'unavailable' | 'downloadable' | 'downloading' | 'available';

/** The capabilities and sampling of a session. */
export interface LanguageModelCoreOptions {
  /** `text` in the languages listed for the model; with tools also `tool-call` and `tool-response`. */
  expectedInputs?: readonly LanguageModelExpected[];
  /** `text`; with `tool-call`, answers are lists of {@link LanguageModelOutput}. */
  expectedOutputs?: readonly LanguageModelExpected[];
  /** The functions that the model may call. Those without `execute` need `tool-call` in `expectedOutputs`. */
  tools?: readonly LanguageModelTool[];
  /** Reasoning before the answer. Not supported, except `effort: 'none'`, the default. */
  thinking?: LanguageModelThinking;
  /** Must come with `topK`; the two replace `samplingMode`. */
  temperature?: number;
  topK?: number;
  samplingMode?: SamplingMode;
}

/** How much a model reasons before it answers, and whether the page receives the reasoning. */
export interface LanguageModelThinking {
  effort?: string;
  includeThoughts?: boolean;
}

export interface LanguageModelCreateOptions extends LanguageModelCoreOptions {
  /** The messages that the session starts with; they are never left out. */
  initialPrompts?: readonly LanguageModelMessage[];
  /** Receives an object with `downloadprogress` events, whose `loaded` is from 0 to 1. */
  monitor?: (monitor: CreateMonitor) => void;
  /** Ends the creation of the session, and later the session. */
  signal?: AbortSignal;
}

/** Options of a prompt. */
export interface LanguageModelPromptOptions {
  signal?: AbortSignal;
  /** The JSON schema of the answer, which is then JSON; or a regular expression that it matches as a whole. */
  responseConstraint?: object;
  /** Whether the model does not see the schema. */
  omitResponseConstraintInput?: boolean;
  /** Not supported, as in {@link LanguageModelCoreOptions}. */
  thinking?: LanguageModelThinking;
}

/** An answer: text, or, with `tool-call` in `expectedOutputs`, its parts. */
export type LanguageModelAnswer = string | LanguageModelOutput[];
