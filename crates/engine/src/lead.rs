//! How many tokens to ask of a device at once.

use linnet_graph::Ahead;

/// What is asked for at once should take no longer than this, in milliseconds: it arrives all at once, and the next answer waits
/// for it where this one is stopped. Eight times a second still looks like writing.
const AT_ONCE_MS: f64 = 125.0;
/// Up to so many tokens of a slow device may take [`FEW_MS`]: each request has a price of its own, and fewer would hardly share it.
const FEW: usize = 5;
/// As long as a reader takes for a word or two.
const FEW_MS: f64 = 250.0;

/// Measures what tokens take and asks for as many as come in good time.
#[derive(Clone, Debug)]
pub struct Lead {
    tokens: usize,
}

impl Lead {
    /// Of a device of which nothing is known yet.
    pub fn new() -> Self {
        Lead { tokens: 1 }
    }

    /// How many tokens to ask for.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// So many tokens took so long. (They may have been asked for a while ago: more are under way.)
    pub fn took(&mut self, tokens: usize, ms: f64) {
        let fit = |within: f64| (within * tokens as f64 / ms.max(f64::MIN_POSITIVE)) as usize;
        let most = 2 * self.tokens.max(tokens);
        self.tokens = fit(AT_ONCE_MS).max(fit(FEW_MS).min(FEW)).clamp(1, most.min(Ahead::MOST));
    }
}

impl Default for Lead {
    fn default() -> Self {
        Lead::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Lead;

    /// How many tokens are asked for when each takes so long.
    fn asked(ms: f64) -> Vec<usize> {
        let mut lead = Lead::new();
        let ask = std::iter::repeat_with(|| {
            let tokens = lead.tokens();
            lead.took(tokens, tokens as f64 * ms);
            tokens
        });
        ask.take(6).collect()
    }

    #[test]
    fn as_many_are_asked_for_as_come_in_time() {
        assert_eq!(asked(0.0), [1, 2, 4, 8, 16, 16]);
        assert_eq!(asked(20.0), [1, 2, 4, 6, 6, 6]);
        assert_eq!(asked(40.0), [1, 2, 4, 5, 5, 5]);
        assert_eq!(asked(80.0), [1, 2, 3, 3, 3, 3]);
        assert_eq!(asked(1000.0), [1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_device_that_slows_down_is_asked_for_less() {
        let mut lead = Lead::new();
        lead.took(16, 160.0);
        assert_eq!(lead.tokens(), 12);
        lead.took(12, 600.0);
        assert_eq!(lead.tokens(), 5);
        lead.took(5, 600.0);
        assert_eq!(lead.tokens(), 2);
    }
}
