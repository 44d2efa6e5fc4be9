//! Letting a backend choose tokens by itself and run them, several before anybody looks.

/// How the next token is drawn from the logits.
///
/// The token for a position depends on the logits, on the tokens before it and on the seed, and on nothing else: neither on how
/// many tokens were asked for at once nor on what was drawn before. Filters and penalties apply in the order of the fields,
/// from the last to the first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Draw {
    /// Divides the logits of what the filters keep; 0 chooses the most likely token.
    pub temperature: f32,
    /// Drop tokens less likely than this share of the most likely one.
    pub min_p: f32,
    /// Keep the most likely tokens that together have this probability; 1 keeps all.
    pub top_p: f32,
    /// Keep only the so many most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Subtracted from a token's logit for each time it was generated.
    pub frequency_penalty: f32,
    /// Subtracted once from the logit of each generated token.
    pub presence_penalty: f32,
    /// Divides (or, for negative ones, multiplies) the logits of the last [`Draw::REPETITION_WINDOW`] tokens; 1 is off.
    pub repetition_penalty: f32,
    /// Position of the first generated token.
    pub first_generated: usize,
    /// What the random numbers depend on, with a token's position and id.
    pub seed: u64,
}

impl Draw {
    /// How far back the repetition penalty looks, in tokens.
    pub const REPETITION_WINDOW: usize = 64;

    /// The most likely token.
    pub const GREEDY: Draw = Draw {
        temperature: 0.0,
        min_p: 0.0,
        top_p: 1.0,
        top_k: 0,
        frequency_penalty: 0.0,
        presence_penalty: 0.0,
        repetition_penalty: 1.0,
        first_generated: 0,
        seed: 0,
    };
}

/// What a backend is to do behind a step by itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Ahead<'a> {
    /// The most tokens to choose, 1 to [`Ahead::MOST`]. Each but the last is also run, and must lie below the context length.
    pub tokens: usize,
    /// Tokens after which no more are chosen, at most [`Ahead::MOST_STOPS`].
    pub stop: &'a [u32],
    /// How they are chosen.
    pub draw: Draw,
}

impl Ahead<'_> {
    /// The most tokens that may be chosen at once.
    pub const MOST: usize = 16;
    /// The most tokens that may end them.
    pub const MOST_STOPS: usize = 32;
    /// How many such requests a backend queues.
    pub const QUEUED: usize = 2;
}
