//! Finds messages that a prompt leaves out.

use std::borrow::Cow;
use std::collections::HashSet;

use linnet_text::TextError;

use super::message::Prepared;
use super::probe::{word, words};
use crate::request::Role;

/// Texts of at least this many bytes are not found in another text by chance.
const TELLING: usize = 16;
/// Maximum length of a placeholder in characters: templates that cut texts cut shorter ones, too.
const MAX_PLACEHOLDER: usize = 1 << 16;

/// The first of `messages` that must appear and does not, in the prompt that `render` made.
///
/// All instructions, the last user message and the tool results since then must appear. Of the earlier
/// messages, a template may keep only the last ones, any number of turns; but it must not leave out a message
/// after one that it shows.
pub(super) fn first_lost<'a>(
    prompt: &str,
    messages: &'a [Prepared<'a>],
    render: impl FnOnce(&[Prepared<'_>]) -> Result<String, TextError>,
) -> Option<&'a Prepared<'a>> {
    if shows_in_order(prompt, messages) {
        return None;
    }
    // A template may change a text, for example remove switches like `/no_think`, or reorder texts. Then
    // placeholders of the same length show which messages appear as a whole.
    let mut count = 0;
    // The words of each message.
    let mut owned = Vec::with_capacity(messages.len());
    let values = messages.iter().map(|message| {
        let mut texts = message.borrowed_texts();
        let first = count;
        if is_said(message) {
            for text in texts.iter_mut().filter(|text| !text.trim().is_empty()) {
                let placeholder = placeholder(text.chars().count(), &mut count);
                *text = Cow::Owned(placeholder);
            }
        }
        owned.push(first..count);
        message.with_texts(texts)
    });
    // If it rejects the placeholders, they prove nothing about the texts.
    let values: Vec<Prepared<'_>> = values.collect();
    let shown = words(&render(&values).ok()?);
    is_missing(messages, &owned, &shown)
}

/// A text of about this many characters, up to a limit, with a word at each end. `count` is the number of the
/// next word.
fn placeholder(length: usize, count: &mut usize) -> String {
    let mut text = word(*count);
    *count += 1;
    let end = word(*count);
    // A short text has a single word.
    if let Some(between) = length.min(MAX_PLACEHOLDER).checked_sub(text.len() + end.len()) {
        *count += 1;
        text.extend(std::iter::repeat_n(' ', between));
        text.push_str(&end);
    }
    text
}

fn is_missing<'a>(
    messages: &'a [Prepared<'a>],
    owned: &[std::ops::Range<usize>],
    shown: &HashSet<usize>,
) -> Option<&'a Prepared<'a>> {
    // Whether an earlier message appears.
    let mut begun = false;
    messages.iter().zip(owned).filter(|(_, words)| !words.is_empty()).find_map(|(message, words)| {
        begun |= !message.instructs() && words.clone().any(|word| shown.contains(&word));
        let whole = words.clone().all(|word| shown.contains(&word));
        (!whole && (message.must_show || begun)).then_some(message)
    })
}

/// Whether all texts appear unchanged and in order. This reads the prompt once for any number of messages,
/// and no text is found inside another.
fn shows_in_order(prompt: &str, messages: &[Prepared<'_>]) -> bool {
    let mut rest = prompt;
    messages.iter().all(|message| {
        message.texts.iter().all(|text| {
            let text = text.trim();
            // One or two words may come from the template's own text.
            if !text.is_empty() && text.len() < TELLING && is_said(message) {
                return false;
            }
            match rest.split_once(text) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            }
        })
    })
}

/// Whether it is not an answer: templates may cut answers.
fn is_said(message: &Prepared<'_>) -> bool {
    message.role != Role::Assistant
}
