//! What the parser finds in a model's output.

/// A part of a model's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatEvent<'a> {
    /// More text of the answer.
    Content(&'a str),
    /// More text of the reasoning.
    Reasoning(&'a str),
    /// A tool call began; calls do not overlap.
    CallBegun {
        /// Its index in this turn, from 0.
        index: usize,
        /// The name of the function, which need not be one of the request's tools.
        name: &'a str,
        /// The model's own id for it, if it comes before the arguments.
        id: Option<&'a str>,
    },
    /// More text of the arguments: JSON, if the call ends as valid.
    Arguments {
        /// The index of the call.
        index: usize,
        /// The text.
        text: &'a str,
    },
    /// A call ended.
    CallEnded {
        /// The index of the call.
        index: usize,
        /// The model's own id for it.
        id: Option<&'a str>,
        /// Whether the arguments are a complete JSON object.
        valid: bool,
    },
}

/// Why the output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatEnd {
    /// The model ended its turn.
    Stopped,
    /// The limit of the length was reached, or the request was stopped.
    Length,
}
