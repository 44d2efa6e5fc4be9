//! Checks that texts full of marks change nothing in the structure of a prompt.

#[path = "../../../../../tests/support/hostile.rs"]
mod hostile;

use linnet_engine::Request;

use super::super::report::{Outcome, Subject};
use super::model::Model;

/// Compares the marks in a request's prompt with those of the same request full of marks. Vocabularies type
/// marks as control or as user-defined tokens, so the models have both.
pub fn run(subject: &Subject, models: &[Model]) -> Outcome {
    const CASE: &str = "structure";
    let (mut count, mut wrong) = (0, Vec::new());
    for model in models {
        let marks = |text: &str, answer: &str| -> Result<Vec<u32>, String> {
            let request = hostile::request(text, answer).to_string();
            let request = Request::from_json(&request).map_err(|error| error.to_string())?;
            model.marks_in_prompt(&request).map_err(|error| error.to_string())
        };
        let structure = match marks("plain", "plain") {
            Ok(marks) => marks,
            Err(error) => return subject.failed(CASE, error),
        };
        let texts = hostile::texts(model.marks.iter().map(String::as_str));
        // Templates split answers at the marks around the model's own reasoning.
        let in_answers =
            hostile::texts(model.marks.iter().map(String::as_str).filter(|mark| !model.splits_at(mark)));
        for (text, answer) in texts.iter().zip(&in_answers) {
            count += 1;
            match marks(text, answer) {
                Ok(marks) if marks == structure => {}
                Ok(marks) => wrong.push(format!("{} instead of {} marks", marks.len(), structure.len())),
                Err(error) => wrong.push(error),
            }
        }
    }
    let shown = wrong.first().map(|wrong| format!("; {wrong}")).unwrap_or_default();
    subject.counted(CASE, "texts that change it", wrong.len()).with(format!("of {count}{shown}"))
}
