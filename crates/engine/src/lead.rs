//! How many tokens to ask of a device at once.

use linnet_graph::Ahead;

/// What is asked for at once should take no longer than this, in milliseconds: it arrives all at once, and is what stopping an
/// answer waits for. Eight times a second still looks like writing.
const AT_ONCE_MS: f64 = 125.0;

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

    /// So many tokens took so long.
    pub fn took(&mut self, tokens: usize, ms: f64) {
        let fit = AT_ONCE_MS * tokens as f64 / ms.max(f64::MIN_POSITIVE);
        self.tokens = (fit as usize).clamp(1, (2 * tokens).min(Ahead::MOST));
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
        assert_eq!(asked(30.0), [1, 2, 4, 4, 4, 4]);
        assert_eq!(asked(1000.0), [1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_device_that_slows_down_is_asked_for_less() {
        let mut lead = Lead::new();
        lead.took(16, 160.0);
        assert_eq!(lead.tokens(), 12);
        lead.took(12, 600.0);
        assert_eq!(lead.tokens(), 2);
    }
}
