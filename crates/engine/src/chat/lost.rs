//! What a prompt leaves out of a conversation.

use std::borrow::Cow;
use std::collections::HashSet;

use linnet_text::TextError;

use super::message::Prepared;
use super::probe::{word, words};
use crate::request::Role;

/// Bytes of a text that is not found in another by chance.
const TELLING: usize = 16;

/// The first of `messages` that must show and does not, in the prompt that `render` made of them.
///
/// What must show are all instructions, what the person said last and the results of tools since then. Of what was said before, a
/// template may keep the end alone, as many turns as it likes; but it may not leave out a message after one that it shows.
pub(super) fn first_lost<'a>(
    prompt: &str,
    messages: &'a [Prepared<'a>],
    render: impl FnOnce(&[Prepared<'_>]) -> Result<String, TextError>,
) -> Option<&'a Prepared<'a>> {
    if shows_in_order(prompt, messages) {
        return None;
    }
    // A template may change a text, for instance take switches like `/no_think` out of it, or write them in another order. Then
    // words in their places tell.
    let mut count = 0;
    // Of each message its words.
    let mut owned = Vec::with_capacity(messages.len());
    let values = messages.iter().map(|message| {
        let mut texts = message.borrowed_texts();
        let first = count;
        if is_said(message) {
            for text in texts.iter_mut().filter(|text| !text.trim().is_empty()) {
                *text = Cow::Owned(word(count));
                count += 1;
            }
        }
        owned.push(first..count);
        message.with_texts(texts)
    });
    // Where it refuses the words it has said nothing about the texts.
    let values: Vec<Prepared<'_>> = values.collect();
    let shown = words(&render(&values).ok()?);
    is_missing(messages, &owned, &shown)
}

fn is_missing<'a>(
    messages: &'a [Prepared<'a>],
    owned: &[std::ops::Range<usize>],
    shown: &HashSet<usize>,
) -> Option<&'a Prepared<'a>> {
    // Whether something that was said shows already.
    let mut begun = false;
    messages.iter().zip(owned).filter(|(_, words)| !words.is_empty()).find_map(|(message, words)| {
        begun |= !instructs(message) && words.clone().any(|word| shown.contains(&word));
        let whole = words.clone().all(|word| shown.contains(&word));
        (!whole && (message.must_show || begun)).then_some(message)
    })
}

/// Whether all texts show as they are, each after the one before it: so the prompt is read once however many there are, and one is
/// not found in another.
fn shows_in_order(prompt: &str, messages: &[Prepared<'_>]) -> bool {
    let mut rest = prompt;
    messages.iter().all(|message| {
        message.texts.iter().all(|text| {
            let text = text.trim();
            // A word or two may be part of what the template writes itself.
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

fn instructs(message: &Prepared<'_>) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

/// Whether it is no answer: those a template may cut.
fn is_said(message: &Prepared<'_>) -> bool {
    message.role != Role::Assistant
}
