//! Finds stop strings in streamed text.

/// Passes on text, except what may become a stop string. Reads each byte once per stop string, however long
/// these are.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopMatcher {
    stops: Vec<Stop>,
    held: String,
    hit: bool,
}

/// A stop string and its matched length (Knuth-Morris-Pratt).
#[derive(Clone, Debug)]
struct Stop {
    text: Box<[u8]>,
    /// The KMP failure function: per matched length, the longest proper suffix that is also a prefix.
    borders: Box<[u32]>,
    matched: usize,
}

impl Stop {
    fn new(text: &str) -> Self {
        let text: Box<[u8]> = text.as_bytes().into();
        let mut borders = vec![0; text.len()].into_boxed_slice();
        let mut border = 0;
        for end in 1..text.len() {
            while border > 0 && text[border] != text[end] {
                border = borders[border - 1] as usize;
            }
            border += usize::from(text[border] == text[end]);
            borders[end] = border as u32;
        }
        Stop { text, borders, matched: 0 }
    }

    /// Takes the next byte; returns whether the string is complete.
    fn push(&mut self, byte: u8) -> bool {
        while self.matched > 0 && self.text[self.matched] != byte {
            self.matched = self.borders[self.matched - 1] as usize;
        }
        self.matched += usize::from(self.text[self.matched] == byte);
        self.matched == self.text.len()
    }
}

impl StopMatcher {
    /// `stops` must not contain empty strings.
    pub(crate) fn new(stops: &[String]) -> Self {
        StopMatcher { stops: stops.iter().map(|text| Stop::new(text)).collect(), ..Self::default() }
    }

    /// Takes the next text; returns what is safe to show and whether a stop string has ended the answer: the
    /// first to complete, or the longest of several that end together.
    pub(crate) fn push(&mut self, text: &str) -> (String, bool) {
        if self.hit {
            return (String::new(), true);
        }
        let before = self.held.len();
        self.held.push_str(text);
        for (at, byte) in text.bytes().enumerate() {
            let complete = self.stops.iter_mut().filter_map(|stop| stop.push(byte).then_some(stop.matched));
            // No short circuit: all of them must take the byte.
            if let Some(longest) = complete.max() {
                self.held.truncate(before + at + 1 - longest);
                self.hit = true;
                return (std::mem::take(&mut self.held), true);
            }
        }
        let open = self.stops.iter().map(|stop| stop.matched).max().unwrap_or(0);
        let kept = self.held.split_off(self.held.len() - open);
        (std::mem::replace(&mut self.held, kept), false)
    }

    /// Whether a stop string has ended the answer.
    pub(crate) fn is_hit(&self) -> bool {
        self.hit
    }

    /// The text still held back, where a text ends for another reason.
    pub(crate) fn finish(&mut self) -> String {
        self.stops.iter_mut().for_each(|stop| stop.matched = 0);
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(stops: &[&str]) -> StopMatcher {
        StopMatcher::new(&stops.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_stop_string_split_over_tokens_is_never_shown() {
        let mut matcher = matcher(&["###", "\nUser:"]);
        assert_eq!(matcher.push("Hi #"), ("Hi ".into(), false));
        assert_eq!(matcher.push("#x"), ("##x".into(), false));
        assert_eq!(matcher.push("é\nUs"), ("é".into(), false));
        assert_eq!(matcher.push("er: you"), (String::new(), true));
        assert_eq!(matcher.push("more"), (String::new(), true), "nothing comes after the stop");
        assert_eq!(matcher.finish(), "");
    }

    #[test]
    fn held_text_comes_at_the_end() {
        let mut matcher = matcher(&["END"]);
        assert_eq!(matcher.push("the EN"), ("the ".into(), false));
        assert_eq!(matcher.finish(), "EN");
    }

    /// The shown text does not depend on how the text is split.
    #[test]
    fn every_cut_of_a_text_ends_at_the_same_place() {
        let text = "aabaabaaab éèé🙂é🙂🙂!";
        for (stops, shown) in [
            (&["aabaaab"][..], "aab"),
            (&["abcd", "ba"], "aa"),
            (&["aba", "ba"], "a"),
            (&["é🙂🙂"], "aabaabaaab éèé🙂"),
            (&["🙂é"], "aabaabaaab éèé"),
            (&["!!"], text),
            (&[], text),
        ] {
            for size in 1..text.len() {
                let mut matcher = matcher(stops);
                let chars: Vec<char> = text.chars().collect();
                let mut out = String::new();
                for piece in chars.chunks(size) {
                    out += &matcher.push(&piece.iter().collect::<String>()).0;
                }
                out += &matcher.finish();
                assert_eq!(out, shown, "{stops:?} in pieces of {size}");
            }
        }
    }
}
