//! The engine: loads a GGUF file into a backend and answers requests.
//!
//! [`Loader`] takes the file's bytes as they arrive; [`Engine`] is the loaded model; [`Generation`] is one
//! answer, driven step by step by the caller, so that a page stays responsive and can stop at any token.
//! Generic over [`Backend`](linnet_graph::Backend).

mod chat;
mod decide;
mod engine;
mod error;
mod generation;
mod loader;
mod platform;
mod prompt;
mod recommended;
mod request;
mod session;
mod suggest;
#[cfg(test)]
mod typescript;

pub use chat::{AnswerStart, ChatTemplates};
pub use decide::{
    DecideEvent, DecideRequest, DecideSubject, Decider, Decision, DecisionTimings, Decisions,
    OptionProbability,
};
pub use engine::{Adapter, Engine, Info, Memory, ModelInfo, ReasoningSupport};
pub use error::{Error, ErrorCode};
pub use generation::{
    Compile, DecodeBatcher, Done, Event, FinishReason, Generation, Logprobs, Sampler, Timings, TokenLogprob,
    ToolCallDelta, Usage, WorkPerToken,
};
pub use loader::{Fallback, LoadOptions, Loader, Shortfall};
pub use platform::Platform;
pub use request::{
    AnswerForm, Content, LoaderOptions, Message, PartialSampling, Prompt, ReasoningEffort, Request, Role,
    Sampling, SamplingParameter, Tool, ToolCall, ToolChoice,
};
pub use session::Session;
pub use suggest::{SuggestEvent, SuggestRequest, Suggestion, Suggestions, Word};
