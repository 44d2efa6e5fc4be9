//! How many tokens to ask of a device at once.

use linnet_graph::DecodeRequest;

/// What is asked for at once should take no longer than this, in milliseconds: it arrives all at once, and the next answer waits
/// for it where this one is stopped. Eight times a second still looks like writing.
const AT_ONCE_MS: f64 = 125.0;
/// Up to so many tokens of a slow device may take longer: each request has a price of its own, and fewer would hardly share it.
const FEW: usize = 5;
/// As long as a reader takes for a word or two.
const FEW_MS: f64 = 250.0;
/// On a device that draws no screen, which nobody has whom a sentence could reach sooner: an adapter played by the CPU.
const FEW_UNSEEN_MS: f64 = 2500.0;

/// Measures what tokens take and asks for as many as come in good time.
#[derive(Clone, Debug)]
pub struct DecodeBatcher {
    tokens: usize,
    few_ms: f64,
}

impl DecodeBatcher {
    /// Of a device of which nothing is known yet but whether it draws people's screen, as
    /// [`Capabilities::draws_screen`](linnet_graph::Capabilities::draws_screen) says.
    pub fn new(draws_screen: bool) -> Self {
        DecodeBatcher { tokens: 1, few_ms: if draws_screen { FEW_MS } else { FEW_UNSEEN_MS } }
    }

    /// How many tokens to ask for.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// So many tokens took so long. (They may have been asked for a while ago: more are under way.)
    pub fn took(&mut self, tokens: usize, ms: f64) {
        let fit = |within: f64| (within * tokens as f64 / ms.max(f64::MIN_POSITIVE)) as usize;
        let most = 2 * self.tokens.max(tokens);
        self.tokens =
            fit(AT_ONCE_MS).max(fit(self.few_ms).min(FEW)).clamp(1, most.min(DecodeRequest::MAX_TOKENS));
    }
}

#[cfg(test)]
mod tests {
    use super::DecodeBatcher;

    /// How many tokens are asked for when each takes so long.
    fn asked(draws_screen: bool, ms: f64) -> Vec<usize> {
        let mut batcher = DecodeBatcher::new(draws_screen);
        let ask = std::iter::repeat_with(|| {
            let tokens = batcher.tokens();
            batcher.took(tokens, tokens as f64 * ms);
            tokens
        });
        ask.take(6).collect()
    }

    #[test]
    fn as_many_are_asked_for_as_come_in_time() {
        assert_eq!(asked(true, 0.0), [1, 2, 4, 8, 16, 16]);
        assert_eq!(asked(true, 20.0), [1, 2, 4, 6, 6, 6]);
        assert_eq!(asked(true, 40.0), [1, 2, 4, 5, 5, 5]);
        assert_eq!(asked(true, 80.0), [1, 2, 3, 3, 3, 3]);
        assert_eq!(asked(true, 1000.0), [1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_device_without_a_screen_is_asked_for_some_however_slow() {
        assert_eq!(asked(false, 0.0), [1, 2, 4, 8, 16, 16]);
        assert_eq!(asked(false, 20.0), [1, 2, 4, 6, 6, 6]);
        assert_eq!(asked(false, 180.0), [1, 2, 4, 5, 5, 5]);
        // But an answer that is stopped, or the next one, does not wait for ever.
        assert_eq!(asked(false, 1000.0), [1, 2, 2, 2, 2, 2]);
        assert_eq!(asked(false, 5000.0), [1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_device_that_slows_down_is_asked_for_less() {
        let mut batcher = DecodeBatcher::new(true);
        batcher.took(16, 160.0);
        assert_eq!(batcher.tokens(), 12);
        batcher.took(12, 600.0);
        assert_eq!(batcher.tokens(), 5);
        batcher.took(5, 600.0);
        assert_eq!(batcher.tokens(), 2);
    }
}
