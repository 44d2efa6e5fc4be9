//! One run of a program.

/// What a step must produce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputRequest {
    /// Only the KV cache.
    Nothing,
    /// The most likely next token.
    Token,
    /// The logits of the last so many tokens (at least 1).
    Logits(usize),
}

/// One run of a program: `tokens` at `position..position + tokens.len()`.
///
/// The KV cache holds everything before `position`, or the part that is still seen; a step may go back to an earlier
/// position and overwrite, as far as [`crate::KvHistory`] allows: beyond that is
/// [`BackendError::Internal`](crate::BackendError::Internal). A graph with recurrent state
/// ([`crate::Graph::is_recurrent`]) only goes on from where the last step ended, repeats from where it began, or starts
/// again at 0, which clears the state; anything else is [`BackendError::Internal`](crate::BackendError::Internal).
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// 1 to `max_batch` token ids, each below the vocabulary size.
    pub tokens: &'a [u32],
    /// Position of the first of them; the last lies below the context length.
    pub position: usize,
    /// What to produce.
    pub want: OutputRequest,
}

/// What a step produced.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// For [`OutputRequest::Nothing`].
    None,
    /// For [`OutputRequest::Token`].
    Token(u32),
    /// For [`OutputRequest::Logits`]: `[rows, vocabulary]`, row-major.
    Logits(Vec<f32>),
}
