//! Prompts that end with a partial answer.

use linnet_text::{ChatFormat, Marks, ReasoningFormat};

use super::Chat;
use super::lost::first_lost;
use super::message::Prepared;
use super::variables::Variables;

/// Appended to the partial answer to find its end in the prompt. It is a noncharacter, which Unicode reserves
/// for programs.
const END_MARK: char = '\u{FDD1}';
/// The same for the reasoning before that text.
const THOUGHT_END_MARK: char = '\u{FDD2}';

/// The marks with which an answer's text may contain reasoning: those of the model's format, or else the most
/// common ones. None in harmony, which never writes them into a text.
pub(super) fn marks_in_answers(format: &ChatFormat) -> Option<Marks> {
    match &format.reasoning {
        Some(_) => format.inline_reasoning().cloned(),
        None => Some(ReasoningFormat::usual().marks),
    }
}

impl Chat {
    /// The prompt that ends with the partial answer, written as the template writes answers: before the text
    /// there may be more than the start of a message, such as empty reasoning. If the answer has no text yet,
    /// the prompt ends with its reasoning. `None` if the template cannot do that: then the answer is appended
    /// to the generation prompt.
    ///
    /// Text that contains reasoning marks is also appended there, because the model wrote it there: templates
    /// remove such reasoning or add their own.
    pub(super) fn continued_in_place(
        &self,
        before: &[Prepared<'_>],
        begun: &Prepared<'_>,
        variables: &Variables,
    ) -> Option<String> {
        let text = begun.texts.join("\n");
        let thought = begun.reasoning().trim();
        let within_thought = text.trim().is_empty();
        let continued = if within_thought { begun.reasoning() } else { &text };
        let said = continued.trim_end();
        if said.is_empty() || self.reasoning_marks.iter().any(|mark| said.contains(mark)) {
            return None;
        }
        let marked = format!("{said}{END_MARK}");
        let message = if within_thought {
            self.with_thought(begun.with_texts(vec!["".into()]), marked)
        } else if thought.is_empty() {
            begun.with_texts(vec![marked.into()])
        } else {
            self.with_thought(begun.with_texts(vec![marked.into()]), format!("{thought}{THOUGHT_END_MARK}"))
        };
        let render = |before: &[Prepared<'_>]| {
            let messages: Vec<&Prepared<'_>> = before.iter().chain([&message]).collect();
            self.render(&messages, false, variables)
        };
        let mut prompt = render(before).ok()?;
        let end = prompt.rfind(END_MARK)?;
        let start = end.checked_sub(said.trim_start().len())?;
        if !prompt[..end].ends_with(said.trim_start()) {
            return None;
        }
        prompt.truncate(end);
        if !within_thought && !thought.is_empty() {
            match prompt[..start].rfind(THOUGHT_END_MARK) {
                Some(at) if prompt[..at].ends_with(thought) => _ = prompt.remove(at),
                // It only shows the reasoning of other answers.
                _ if self.format.inline_reasoning().is_some() => return None,
                // It does not support reasoning.
                _ => {}
            }
        }
        // Some templates write the instructions into the last message, but only if that is the user's.
        if first_lost(&prompt, before, render).is_some() {
            return None;
        }
        // Templates trim it; here it is the start of what follows.
        prompt.push_str(&continued[said.len()..]);
        Some(prompt)
    }

    fn with_thought<'a>(&self, message: Prepared<'a>, thought: String) -> Prepared<'a> {
        message.with_reasoning(thought.into(), self.thinking.form)
    }

    /// Appends the partial answer to the generation prompt.
    pub(super) fn continue_after(&self, prompt: &mut String, begun: &Prepared<'_>) {
        let text = begun.texts.join("\n");
        let thought = begun.reasoning();
        // In harmony, which has no marks in texts, those of other models.
        let usual = ReasoningFormat::usual().marks;
        let [open, close] = match self.reasoning_marks.as_slice() {
            [open, close] => [open.as_str(), close],
            _ => [usual.open.as_str(), &usual.close],
        };
        let answer = self.format.answer.as_ref().map_or("", |marks| &marks.open);
        let before_close = if self.format.part_start.is_some() { "" } else { "\n" };
        let after_close = self.format.after_reasoning();
        let is_open = prompt.trim_end().ends_with(open);
        // A template without reasoning leaves it out, unless there is nothing else to continue.
        if thought.trim().is_empty() || self.format.inline_reasoning().is_none() && !text.trim().is_empty() {
            match text.trim_start().strip_prefix(open) {
                // The generation prompt has already opened the reasoning.
                Some(rest) if is_open => {
                    let rest = if prompt.ends_with('\n') { rest.trim_start_matches('\n') } else { rest };
                    prompt.push_str(rest);
                }
                // The text comes after the reasoning.
                None if is_open && !text.trim().is_empty() && !text.contains(close) => {
                    prompt.extend([before_close, close, after_close, answer, &text]);
                }
                _ => prompt.push_str(&text),
            }
            return;
        }
        if !is_open {
            prompt.push_str(open);
        }
        if !prompt.ends_with('\n') {
            prompt.push('\n');
        }
        if text.trim().is_empty() {
            prompt.push_str(thought.trim_start());
            return;
        }
        prompt.extend([thought.trim(), before_close, close, after_close, answer, &text]);
    }

    /// Whether a partial answer with this text ends within reasoning.
    pub(super) fn ends_in_reasoning(&self, text: &str) -> bool {
        let [open, close] = self.reasoning_marks.as_slice() else { return false };
        let anywhere = self.format.reasoning.as_ref().is_some_and(|reasoning| reasoning.anywhere);
        let opened = match anywhere {
            true => text.rsplit_once(open.as_str()).map(|(_, after)| after),
            false => text.trim_start().strip_prefix(open.as_str()),
        };
        opened.is_some_and(|after| !after.contains(close.as_str()))
    }
}
