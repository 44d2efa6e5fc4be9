//! What a generation reports.

use linnet_graph::Counters;
use serde::Serialize;

use super::calls::ToolCallDelta;
use super::token_logprob::Logprobs;

/// An event of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "GenerationEvent"))]
pub enum Event {
    /// A chunk of the prompt was run; more is left.
    Prefill {
        /// Prompt tokens in the KV cache.
        done: usize,
        /// Number of prompt tokens.
        total: usize,
    },
    /// A token was generated.
    Token {
        /// The text that this token completes, possibly empty.
        text: String,
        /// More of the reasoning.
        #[serde(skip_serializing_if = "String::is_empty")]
        #[cfg_attr(test, ts(optional, as = "Option<String>"))]
        reasoning: String,
        /// More of the tool calls.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(test, ts(optional, as = "Option<Vec<ToolCallDelta>>"))]
        tool_calls: Vec<ToolCallDelta>,
        /// The token.
        token: u32,
        /// Number of tokens computed with it; the next calls return them without running the model.
        #[serde(skip_serializing_if = "is_zero")]
        #[cfg_attr(test, ts(optional, as = "Option<usize>"))]
        left: usize,
        /// Its log probability, if the request asks for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        logprobs: Option<Logprobs>,
    },
    /// The answer is complete.
    Done(Done),
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The end of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Done {
    /// The reason.
    pub finish_reason: FinishReason,
    /// The last text, possibly empty.
    pub text: String,
    /// More of the reasoning.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<String>"))]
    pub reasoning: String,
    /// More of the tool calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<ToolCallDelta>>"))]
    pub tool_calls: Vec<ToolCallDelta>,
    /// Token counts.
    pub usage: Usage,
    /// Speeds.
    pub timings: Timings,
    /// GPU work of each token after the first; absent without a GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub counters: Option<WorkPerToken>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "EngineFinishReason"))]
pub enum FinishReason {
    /// The model ended its turn, or a stop string matched.
    Stop,
    /// The model ended its turn after calling tools.
    ToolCalls,
    /// `max_tokens` or the context is used up.
    Length,
    /// `cancel` was called.
    Cancelled,
}

/// Token counts, named as in OpenAI's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Usage {
    /// Prompt tokens.
    pub prompt_tokens: usize,
    /// Generated tokens, including the end-of-turn token.
    pub completion_tokens: usize,
    /// The sum of both.
    pub total_tokens: usize,
    /// Generated tokens that are reasoning.
    pub reasoning_tokens: usize,
}

/// Speeds, named and counted as in llama.cpp's server: the time of the first token counts as prompt time, but
/// the token counts as predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Timings {
    /// Prompt tokens that were run, without those already in the KV cache.
    pub prompt_n: usize,
    /// From the start to the first token.
    pub prompt_ms: f64,
    /// Prompt tokens per second.
    pub prompt_per_second: f64,
    /// Tokens generated.
    pub predicted_n: usize,
    /// From the first token to the last.
    pub predicted_ms: f64,
    /// Generated tokens per second.
    pub predicted_per_second: f64,
}

/// GPU work per generated token, averaged over an answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Counters"))]
pub struct WorkPerToken {
    /// Kernel dispatches.
    pub dispatches: f64,
    /// Submits.
    pub submits: f64,
    /// Bind groups created; all are created at load, so this is 0.
    pub bind_groups: f64,
    /// Buffers created; all are created at load, so this is 0.
    pub buffers: f64,
    /// Pipelines created; all are created at load, so this is 0.
    pub pipelines: f64,
    /// Bytes written to GPU memory.
    pub bytes_written: f64,
    /// Bytes read from GPU memory.
    pub bytes_read: f64,
    /// Reads of GPU memory.
    pub readbacks: f64,
    /// Microseconds during which the GPU's queue was known to be empty.
    pub queue_empty_us: f64,
}

impl WorkPerToken {
    /// The work between two counts, divided by the number of tokens.
    pub fn between(before: &Counters, after: &Counters, tokens: usize) -> Self {
        let share = |count: fn(&Counters) -> u64| {
            count(after).saturating_sub(count(before)) as f64 / tokens.max(1) as f64
        };
        WorkPerToken {
            dispatches: share(|c| c.dispatches),
            submits: share(|c| c.submits),
            bind_groups: share(|c| c.bind_groups),
            buffers: share(|c| c.buffers),
            pipelines: share(|c| c.pipelines),
            bytes_written: share(|c| c.bytes_written),
            bytes_read: share(|c| c.bytes_read),
            readbacks: share(|c| c.readbacks),
            queue_empty_us: share(|c| c.empty_us),
        }
    }
}
