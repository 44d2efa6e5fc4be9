//! How often a form refuses the tokens that a backend chooses by itself.

/// The weight of the last token in the share of refused ones.
const LAST: f32 = 0.25;
/// Above this share, the tokens that a backend computes ahead are not worth their time: after a refusal they are lost,
/// and the step before them runs again for its logits.
const MOST: f32 = 0.2;

/// The share of refused tokens, over the last few.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    share: f32,
    /// Whether the token at this place was refused.
    pub(super) was_refused: bool,
}

impl Refusals {
    /// Counts a token.
    pub(super) fn add(&mut self, refused: bool) {
        self.was_refused = refused;
        self.share += LAST * (f32::from(u8::from(refused)) - self.share);
    }

    /// Whether the next token must or should be drawn from logits.
    pub(super) fn are_likely(&self) -> bool {
        self.was_refused || self.share > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::Refusals;

    #[test]
    fn a_backend_chooses_again_after_some_tokens_that_fit() {
        let mut refusals = Refusals::default();
        assert!(!refusals.are_likely());
        refusals.add(true);
        assert!(refusals.are_likely());
        refusals.add(false);
        assert!(!refusals.are_likely(), "one refusal is none");
        for _ in 0..3 {
            refusals.add(true);
        }
        let fitting = (1..10).find(|_| {
            refusals.add(false);
            !refusals.are_likely()
        });
        assert_eq!(fitting, Some(5));
    }
}
