export { Linnet } from './api/client.ts';
export type { DeviceProbe, GpuKind, GpuProbe } from './protocol/device.ts';
export { LinnetError } from './protocol/errors.ts';
export type { ErrorDetails, LinnetErrorCode, PlainError } from './protocol/errors.ts';
export type { WhenHidden } from './page/page-policy.ts';
export type { ModelBytes, ModelParts } from './models/model-bytes.ts';
export { bytesOf, models } from './models/models.ts';
export type { ChunkHashes, ListedFile, ListedModel, ModelEntry, ModelList, RecommendedSampling } from './models/models.ts';
export type { Backend, EngineInfo, KvFormat, LoadProgress, ModelOrigin, ModuleName, Pace, StorageUse } from './protocol/messages.ts';
export type { FitReason, FitReasonCode, ModelFit, Recommendation, RecommendOptions } from './models/recommend.ts';
export type { Recovered, RecoveryStep, RiskyPhase } from './page/recovery.ts';
export type { StorageReport, StoredModel, StoreOptions } from './store/model-store.ts';
export type { ModelAddress, ModelFile, ModelSource } from './models/sources.ts';
export type { Counters, EngineReport, SuggestedWord, Timings, Usage } from './protocol/wasm.ts';
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
} from './api/types.ts';
export type { ChatCompletions, Completions, Streamed, Whole } from './api/completions.ts';
