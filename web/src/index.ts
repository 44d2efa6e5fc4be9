export { Linnet } from './api/client.ts';
export type { GpuKind, GpuProbe } from './protocol/device.ts';
export type { DeviceProbe } from './page/device-probe.ts';
export { LinnetError } from './protocol/errors.ts';
export type { ErrorDetails, PlainError } from './protocol/errors.ts';
export type { Recovered, RecoveryStep, RiskyPhase, WhenBusy, WhenHidden } from './protocol/messages.ts';
export {
  bytesOf,
  type ListedFile,
  type ListedModel,
  type ModelEntry,
  type RecommendedSampling,
} from './models/entry.ts';
export type { ChunkHashes } from './protocol/model-files.ts';
export type { StorageReport, StoredModel, StoreOptions } from './models/model-store.ts';
export type { ModelBytes, ModelParts } from './models/model-bytes.ts';
export { models } from './models/models.ts';
export type { ModelList } from './models/models.ts';
export type {
  Backend,
  EngineInfo,
  LoadProgress,
  ModelOrigin,
  Pace,
  StorageUse,
} from './protocol/messages.ts';
export type { FitReason, FitReasonCode, ModelFit, Recommendation, RecommendOptions } from './models/recommend.ts';
export type { ModelAddress, ModelFile, ModelSource } from './models/sources.ts';
export type {
  BackendKind,
  Counters,
  DecisionTimings,
  EngineReport,
  KvFormat,
  LinnetErrorCode,
  SamplingParameters,
  SuggestedWord,
  Timings,
} from './protocol/generated.ts';
export type { ModuleName } from './protocol/wasm.ts';
export type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatLogprobs,
  ChatMessage,
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
  TemplateField,
  TextFinishReason,
  TokenLogprob,
  Usage,
  UsageChoice,
  UsageChunk,
} from './api/types.ts';
export type {
  ChatAssistantMessage,
  ChatTool,
  ChatToolCall,
  ChatToolCallDelta,
  ChatToolChoice,
  ChatToolResult,
  NamedTool,
  ReasoningEffort,
} from './api/chat-types.ts';
export type { BatchDecideRequest, DecideProgress, DecideRequest, Decision, OptionProbability } from './api/decide.ts';
export type { AnswerForm, JsonSchema, NamedSchema, ResponseFormat } from './api/form-types.ts';
export type { ParsedChatCompletion, ParsingFormat } from './api/parsed-answer.ts';
export type { ChatCompletions, Completions, Streamed, Whole, WithoutTools } from './api/completions.ts';
