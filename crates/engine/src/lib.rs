//! The engine: loads a GGUF file into a backend and answers requests.
//!
//! [`Loader`] takes the file's bytes as they arrive; [`Engine`] is the loaded model; [`Generation`] is one
//! answer, driven step by step by the caller, so that a page stays responsive and can stop at any token.
//! Generic over [`Backend`](linnet_graph::Backend).

mod chat;
mod decode_batcher;
mod demand;
mod engine;
mod error;
mod generation;
mod likely;
mod loader;
mod pace;
mod platform;
mod prompt;
mod request;
mod sampler;
mod session;
mod stop;
mod suggest;

pub use decode_batcher::DecodeBatcher;
pub use demand::{Excess, Smaller};
pub use engine::{Adapter, Engine, Info, Memory, ModelInfo};
pub use error::Error;
pub use generation::{Done, Event, FinishReason, Generation, Timings, Usage};
pub use likely::{Likely, Logprobs};
pub use loader::{LoadOptions, Loader};
pub use platform::Platform;
pub use request::{Content, Message, Prompt, Request, Role, Sampling, ToolCall};
pub use sampler::Sampler;
pub use session::Session;
pub use suggest::{SuggestEvent, SuggestRequest, Suggestion, Suggestions, Word};
