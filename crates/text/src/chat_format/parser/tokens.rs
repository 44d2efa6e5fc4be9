//! Marks that are control tokens of the vocabulary: they count only as tokens, not where a text spells them.

use super::ChatParser;
use super::marks::Action;
use crate::tokenizer::GUARD;

impl ChatParser {
    /// Precedes a control token in an answer, see [`with_control_tokens`](Self::with_control_tokens).
    pub const CONTROL: char = GUARD;

    /// Reads an answer in which [`CONTROL`](Self::CONTROL) precedes each of these control tokens, as
    /// [`Detokenizer::guarding`](crate::Detokenizer::guarding) writes them. Marks with such a token count only with it.
    /// Without tools, the tokens around calls are left out.
    #[must_use]
    pub fn with_control_tokens(mut self, tokens: impl IntoIterator<Item = String>) -> Self {
        self.controls = tokens.into_iter().collect();
        // The longest of several at the same place.
        self.controls.sort_by_key(|token| std::cmp::Reverse(token.len()));
        let guard = |text: &mut String| *text = guarded(text, &self.controls);
        guard(&mut self.close);
        self.rules.marks.iter_mut().for_each(|(mark, _)| guard(mark));
        self.call.marks_mut().for_each(guard);
        for token in &self.controls {
            let mark = format!("{GUARD}{token}");
            let mut uses = self.rules.marks.iter().filter(|(known, _)| known.contains(&mark)).peekable();
            let may_drop = uses.peek().is_some() || self.tools.is_empty();
            // A part of a mark that is left out is left out, too.
            if may_drop && uses.all(|(_, action)| *action == Action::Drop) {
                self.rules.marks.push((mark, Action::Drop));
            }
        }
        self
    }

    /// `text` as this parser reads it, if what it spells as control tokens are control tokens.
    #[must_use]
    pub fn guarded(&self, text: &str) -> String {
        guarded(text, &self.controls)
    }
}

fn guarded(text: &str, controls: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let token = controls.iter().find(|token| !token.is_empty() && rest.starts_with(token.as_str()));
        let length = match token {
            Some(token) => {
                out.push(GUARD);
                token.len()
            }
            None => c.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// `text` without the guards.
pub(super) fn unguarded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(GUARD) { text.replace(GUARD, "").into() } else { text.into() }
}
