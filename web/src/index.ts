export { Linnet } from './client.ts';
export type { DeviceProbe, GpuKind, GpuProbe } from './device.ts';
export { LinnetError } from './errors.ts';
export type { ErrorDetails, LinnetErrorCode, PlainError } from './errors.ts';
export type { WhenHidden } from './manners.ts';
export type { ModelBytes, ModelParts } from './model-bytes.ts';
export { bytesOf, models } from './models.ts';
export type { ChunkHashes, ListedFile, ListedModel, ModelEntry, ModelList, RecommendedSampling } from './models.ts';
export type { Backend, EngineInfo, KvFormat, LoadProgress, ModelOrigin, ModuleName, Pace, StorageUse } from './protocol.ts';
export type { FitReason, FitReasonCode, ModelFit, Recommendation, RecommendOptions } from './recommend.ts';
export type { Recovered, RecoveryStep, RiskyPhase } from './recovery.ts';
export type { StorageReport, StoredModel, StoreOptions } from './library.ts';
export type { ModelAddress, ModelFile, ModelSource } from './sources.ts';
export type { Counters, EngineReport, SuggestedWord, Timings, Usage } from './wasm.ts';
export type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatLogprobs,
  ChatMessage,
  ChatToolCalls,
  ChatToolResult,
  ChatRequest,
  ChatUsageChunk,
  Completion,
  CompletionChunk,
  CompletionLogprobs,
  CompletionRequest,
  CountRequest,
  FinishReason,
  GenerationOptions,
  LoadOptions,
  PromptProgress,
  SuggestRequest,
  Suggestions,
  TokenLogprob,
  UsageChoice,
  UsageChunk,
  WhenBusy,
} from './api.ts';
export type { ChatCompletions, Completions, Streamed, Whole } from './completions.ts';
