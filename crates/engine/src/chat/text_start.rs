//! Prompts that end where the text of an answer begins: after its reasoning, and after the mark that opens it.

use linnet_text::{LocalTime, Tokenizer};

use super::ChatTemplates;
use crate::request::{Message, Role};
use crate::{Error, Request};

/// The text of an answer that is rendered to see what a template writes before it.
const TEXT: &str = "Yes";

impl ChatTemplates {
    /// The prompt of a request, to the place where the text of the answer begins.
    ///
    /// # Errors
    /// Those of [`Self::prompt`].
    pub(crate) fn prompt_to_text(
        &self,
        request: &Request,
        tokenizer: &Tokenizer,
        now: LocalTime,
    ) -> Result<String, Error> {
        let (mut prompt, start) = self.start(request, tokenizer, now)?;
        let format = start.format();
        if format.next_message().is_some() && request.begun_answer().is_none() {
            // The parts of an answer are messages of their own, with headers that only the template knows.
            let mut answered = request.clone();
            answered.messages.get_or_insert_default().push(Message::new(Role::Assistant, TEXT));
            let prompt = self.prompt(&answered, tokenizer, now)?;
            return Ok(prompt.strip_suffix(TEXT).unwrap_or(&prompt).to_owned());
        }
        if start.is_inside_reasoning() {
            prompt.push_str(&start.end_of_reasoning());
        }
        if request.begun_answer().is_none() {
            let open = start.answer_opens().unwrap_or_default();
            prompt.push_str(if start.begun() == open { "" } else { open });
        }
        Ok(prompt)
    }
}
