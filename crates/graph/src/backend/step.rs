//! One run of a program.

/// The requested output of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputRequest {
    /// Only the KV cache.
    Nothing,
    /// The most likely next token.
    Token,
    /// The logits of this many of the last tokens (at least 1).
    Logits(usize),
}

/// One run of a program: `tokens` at `position..position + tokens.len()`.
///
/// The KV cache has everything before `position` that the model attends to. A step may resume at an earlier position
/// and overwrite what follows, if [`crate::KvHistory`] allows it. A graph with recurrent state
/// ([`crate::Graph::is_recurrent`]) can only continue at the end of the last step, repeat from its start, or restart at
/// 0, which clears the state. Anything else is [`BackendError::Internal`](crate::BackendError::Internal).
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// 1 to `max_batch` token ids, each below the vocabulary size.
    pub tokens: &'a [u32],
    /// Position of the first of them; the last must be below the context length.
    pub position: usize,
    /// The requested output.
    pub want: OutputRequest,
}

/// The output of a step.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// For [`OutputRequest::Nothing`].
    None,
    /// For [`OutputRequest::Token`].
    Token(u32),
    /// For [`OutputRequest::Logits`]: `[rows, vocabulary]`, row-major.
    Logits(Vec<f32>),
}
