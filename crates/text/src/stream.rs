//! Decodes tokens one at a time.

use std::sync::Arc;

use crate::tokenizer::GUARD;
use crate::{DecodeOptions, Tokenizer};

/// Decodes tokens as they arrive. A character that spans tokens is held back until it is complete, so
/// [`push`](Self::push) always returns whole characters.
#[derive(Clone, Debug)]
pub struct Detokenizer {
    tokenizer: Arc<Tokenizer>,
    text: TextStream,
}

impl Detokenizer {
    /// A decoder for tokens at the start of a text. Control tokens are left out.
    #[must_use]
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self { tokenizer, text: TextStream::new(DecodeOptions::default()) }
    }

    /// Sets whether control tokens are printed as text or left out.
    #[must_use]
    pub fn with_options(mut self, options: DecodeOptions) -> Self {
        self.text.options = options;
        self
    }

    /// Sets control tokens, sorted, that are printed as text whatever the options say.
    #[must_use]
    pub fn showing(mut self, tokens: Arc<[u32]>) -> Self {
        self.text.shown = tokens;
        self
    }

    /// Writes [`CONTROL`](crate::ChatParser::CONTROL) before each shown control token, so that
    /// [`ChatParser::with_control_tokens`](crate::ChatParser::with_control_tokens) can tell it from a text that
    /// spells it.
    #[must_use]
    pub fn guarding(mut self) -> Self {
        self.text.guards = true;
        self
    }

    /// Sets the token before the first one. After text, a leading space belongs to the text; after a control
    /// token, it may be one that the tokenizer added.
    #[must_use]
    pub fn after(mut self, id: u32) -> Self {
        self.text.after_special = self.tokenizer.is_control(id);
        self
    }

    /// The text that this token completes: often a word, sometimes nothing.
    pub fn push(&mut self, id: u32) -> String {
        let mut out = String::new();
        self.text.push(&self.tokenizer, id, &mut out);
        out
    }

    /// The text held back: U+FFFD if the tokens ended inside a character.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        self.text.finish(&mut out);
        out
    }
}

/// The decoder's state without the tokenizer.
#[derive(Clone, Debug)]
pub(crate) struct TextStream {
    options: DecodeOptions,
    /// Control tokens that are always printed, sorted.
    shown: Arc<[u32]>,
    /// Whether the guard precedes them.
    guards: bool,
    utf8: Utf8Stream,
    /// Whether the next token is at the start of a text or after a control token.
    after_special: bool,
}

impl TextStream {
    pub(crate) fn new(options: DecodeOptions) -> Self {
        Self {
            options,
            shown: Arc::default(),
            guards: false,
            utf8: Utf8Stream::default(),
            after_special: true,
        }
    }

    pub(crate) fn push(&mut self, tokenizer: &Tokenizer, id: u32, out: &mut String) {
        let Some(bytes) = tokenizer.token_bytes(id) else { return };
        let control = tokenizer.is_control(id);
        let is_shown = control && self.shown.binary_search(&id).is_ok();
        if is_shown && self.guards {
            self.utf8.finish(out);
            out.push(GUARD);
        }
        let start = out.len();
        if control && !self.options.special && !is_shown {
            // A control token ends an unfinished character.
            self.utf8.finish(out);
        } else if let Some(rest) = bytes.strip_prefix(b" ")
            && self.after_special
            && tokenizer.adds_space_prefix()
        {
            self.utf8.push(rest, out);
        } else {
            self.utf8.push(bytes, out);
        }
        // Only a control token has a guard.
        if self.guards && out[start..].contains(GUARD) {
            let text = out.split_off(start);
            out.push_str(&text.replace(GUARD, ""));
        }
        self.after_special = control;
    }

    pub(crate) fn finish(&mut self, out: &mut String) {
        self.utf8.finish(out);
    }
}

/// Decodes UTF-8 and holds back an unfinished character.
#[derive(Clone, Debug, Default)]
struct Utf8Stream {
    /// The start of a character, at most three bytes.
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Appends the characters that `bytes` completes. Invalid bytes give as many U+FFFD as in
    /// [`String::from_utf8_lossy`].
    fn push(&mut self, bytes: &[u8], out: &mut String) {
        self.pending.extend_from_slice(bytes);
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.push_str(text);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    out.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    // Without a length, the character may still be completed.
                    let Some(length) = error.error_len() else { break };
                    out.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[length..];
                }
            }
        }
        let done = self.pending.len() - rest.len();
        self.pending.drain(..done);
    }

    fn finish(&mut self, out: &mut String) {
        if !self.pending.is_empty() {
            self.pending.clear();
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};

    use super::Utf8Stream;

    /// Bytes that are likely to be parts of characters.
    fn bytes() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let text = "[a-zé東😀]{0,3}".prop_map(String::into_bytes);
        let cut = ("[é東😀\u{10ffff}]", 0usize..4).prop_map(|(text, at)| {
            let bytes = text.into_bytes();
            bytes[..at.min(bytes.len())].to_vec()
        });
        prop::collection::vec(prop_oneof![text, cut, prop::collection::vec(any::<u8>(), 0..4)], 0..12)
    }

    proptest! {
        #[test]
        fn matches_from_utf8_lossy(chunks in bytes()) {
            let (mut stream, mut out) = (Utf8Stream::default(), String::new());
            for chunk in &chunks {
                stream.push(chunk, &mut out);
                assert!(stream.pending.len() < 4);
            }
            stream.finish(&mut out);
            assert_eq!(out, String::from_utf8_lossy(&chunks.concat()));
        }
    }

    #[test]
    fn holds_a_character_back_until_it_is_whole() {
        let (mut stream, mut out) = (Utf8Stream::default(), String::new());
        for byte in &"😀".as_bytes()[..3] {
            stream.push(&[*byte], &mut out);
            assert_eq!(out, "");
        }
        stream.push(&[0x80], &mut out);
        assert_eq!(out, "😀");
        // 0x80 never follows 0xE0, so this is invalid at once.
        stream.push(&[0xe0, 0x80], &mut out);
        assert_eq!(out, "😀\u{fffd}\u{fffd}");
    }
}
