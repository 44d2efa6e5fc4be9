//! How many tokens to request from a device at once.

use linnet_graph::DecodeRequest;

/// Maximum time of one request in milliseconds: its tokens arrive all at once, and after a stop the next
/// answer waits for it. Eight updates per second still look like typing.
const AT_ONCE_MS: f64 = 125.0;
/// A slow device may take longer for up to this many tokens: each request has a fixed cost that fewer tokens
/// would hardly share.
const FEW: usize = 5;
/// About the time to read a word or two.
const FEW_MS: f64 = 250.0;
/// For a device that does not draw the screen, such as a software adapter, which no user waits for.
const FEW_UNSEEN_MS: f64 = 2500.0;

/// Measures the time per token and requests as many tokens as arrive in time.
#[derive(Clone, Debug)]
pub struct DecodeBatcher {
    tokens: usize,
    few_ms: f64,
}

impl DecodeBatcher {
    /// For a device that has not been measured; `draws_screen` is
    /// [`Capabilities::draws_screen`](linnet_graph::Capabilities::draws_screen).
    pub fn new(draws_screen: bool) -> Self {
        DecodeBatcher { tokens: 1, few_ms: if draws_screen { FEW_MS } else { FEW_UNSEEN_MS } }
    }

    /// How many tokens to request.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Records that `tokens` tokens took `ms`. (They may have been requested earlier: more are in flight.)
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

    /// The requested counts if each token takes this long.
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
    fn requests_as_many_as_arrive_in_time() {
        assert_eq!(asked(true, 0.0), [1, 2, 4, 8, 16, 16]);
        assert_eq!(asked(true, 20.0), [1, 2, 4, 6, 6, 6]);
        assert_eq!(asked(true, 40.0), [1, 2, 4, 5, 5, 5]);
        assert_eq!(asked(true, 80.0), [1, 2, 3, 3, 3, 3]);
        assert_eq!(asked(true, 1000.0), [1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_slow_device_without_a_screen_still_batches() {
        assert_eq!(asked(false, 0.0), [1, 2, 4, 8, 16, 16]);
        assert_eq!(asked(false, 20.0), [1, 2, 4, 6, 6, 6]);
        assert_eq!(asked(false, 180.0), [1, 2, 4, 5, 5, 5]);
        // A stop, or the next answer, must not wait forever.
        assert_eq!(asked(false, 1000.0), [1, 2, 2, 2, 2, 2]);
        assert_eq!(asked(false, 5000.0), [1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn requests_fewer_when_the_device_slows_down() {
        let mut batcher = DecodeBatcher::new(true);
        batcher.took(16, 160.0);
        assert_eq!(batcher.tokens(), 12);
        batcher.took(12, 600.0);
        assert_eq!(batcher.tokens(), 5);
        batcher.took(5, 600.0);
        assert_eq!(batcher.tokens(), 2);
    }
}
