//! Finding stop strings in streamed text.

/// Passes text on except what may still turn out to be a stop string.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopMatcher {
    stops: Vec<String>,
    held: String,
    hit: bool,
}

impl StopMatcher {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        StopMatcher { stops, held: String::new(), hit: false }
    }

    /// Takes the next text; returns what is safe to show and whether a stop string has ended the answer.
    pub(crate) fn push(&mut self, text: &str) -> (String, bool) {
        if self.hit {
            return (String::new(), true);
        }
        self.held.push_str(text);
        if let Some(start) = self.stops.iter().filter_map(|s| self.held.find(s.as_str())).min() {
            self.held.truncate(start);
            self.hit = true;
            return (std::mem::take(&mut self.held), true);
        }
        let may_begin = |tail: &str| self.stops.iter().any(|s| s.starts_with(tail));
        let starts = self.held.char_indices().map(|(at, _)| at);
        let hold_from = starts.filter(|at| may_begin(&self.held[*at..])).min().unwrap_or(self.held.len());
        let kept = self.held.split_off(hold_from);
        (std::mem::replace(&mut self.held, kept), false)
    }

    /// The text still held back, when the answer ends for another reason.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_string_split_over_tokens_is_never_shown() {
        let mut matcher = StopMatcher::new(vec!["###".into(), "\nUser:".into()]);
        assert_eq!(matcher.push("Hi #"), ("Hi ".into(), false));
        assert_eq!(matcher.push("#x"), ("##x".into(), false));
        assert_eq!(matcher.push("é\nUs"), ("é".into(), false));
        assert_eq!(matcher.push("er: you"), (String::new(), true));
        assert_eq!(matcher.push("more"), (String::new(), true), "nothing comes after the stop");
        assert_eq!(matcher.finish(), "");
    }

    #[test]
    fn held_text_comes_at_the_end() {
        let mut matcher = StopMatcher::new(vec!["END".into()]);
        assert_eq!(matcher.push("the EN"), ("the ".into(), false));
        assert_eq!(matcher.finish(), "EN");
    }
}
