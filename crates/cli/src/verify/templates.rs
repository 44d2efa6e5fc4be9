//! Chat templates: compares the rendered prompt character by character.

use std::path::Path;

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::golden::{GoldenError, json, text};
use super::report::{Outcome, Subject};

const KIND: &str = "templates";
/// Maximum number of failing cases to show.
const SHOWN: usize = 3;
/// Characters to show on each side of the first difference.
const AROUND: usize = 20;

/// `NAME.json` next to `NAME.jinja`.
#[derive(Debug, Deserialize)]
struct Template {
    #[serde(default)]
    bos_token: String,
    #[serde(default)]
    eos_token: String,
    now: String,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    context: Context,
    rendered: Option<String>,
    /// The template itself rejects these messages.
    #[serde(default)]
    raised_by_template: bool,
}

#[derive(Debug, Deserialize)]
struct Context {
    messages: Value,
    tools: Option<Value>,
    documents: Option<Value>,
    #[serde(default)]
    add_generation_prompt: bool,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Renders all cases of one template.
pub fn run(path: &Path) -> Outcome {
    let subject = Subject::new(KIND, path.file_stem().unwrap_or_default().to_string_lossy());
    let case = "rendered";
    let read = || -> Result<(Template, String), GoldenError> {
        Ok((json(path)?, text(&path.with_extension("jinja"))?))
    };
    let (golden, source) = match read() {
        Ok(read) => read,
        Err(error) => return subject.failed(case, error),
    };
    let Some(now) = local_time(&golden.now) else {
        return subject.failed(case, format!("`{}` is not a time", golden.now));
    };
    let template = match ChatTemplate::new(&source, &golden.bos_token, &golden.eos_token) {
        Ok(template) => template,
        Err(error) => return subject.failed(case, error),
    };
    let wrong: Vec<String> = golden
        .cases
        .iter()
        .filter_map(|c| Some(format!("{}: {}", c.name, check(&template, c, now)?)))
        .collect();
    let shown: String = wrong.iter().take(SHOWN).map(|w| format!("; {w}")).collect();
    subject.counted(case, "wrong cases", wrong.len()).with(format!("of {}{shown}", golden.cases.len()))
}

/// What is wrong with a case, if anything. If the reference failed for a reason other than the template's own
/// `raise_exception`, any result is accepted.
fn check(template: &ChatTemplate, case: &Case, now: LocalTime) -> Option<String> {
    let Context { messages, tools, documents, add_generation_prompt, extra } = &case.context;
    let ours = template.render(&ChatContext {
        messages: messages.clone(),
        tools: tools.clone(),
        documents: documents.clone(),
        add_generation_prompt: *add_generation_prompt,
        extra: extra.clone(),
        now,
    });
    match (&case.rendered, ours) {
        (Some(expected), Ok(ours)) if ours == *expected => None,
        (Some(expected), Ok(ours)) => Some(difference(&ours, expected)),
        (Some(_), Err(error)) => Some(error.to_string()),
        (None, Err(TextError::RefusedByTemplate { .. })) => None,
        (None, Err(error)) if case.raised_by_template => {
            Some(format!("failed without raise_exception: {error}"))
        }
        (None, Ok(_)) if case.raised_by_template => Some("rendered, but should be rejected".to_owned()),
        (None, _) => None,
    }
}

/// The text around the first difference.
pub fn difference(ours: &str, expected: &str) -> String {
    let at = ours.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let around =
        |text: &str| -> String { text.chars().skip(at.saturating_sub(AROUND)).take(2 * AROUND).collect() };
    format!("at character {at}: expected {:?}, got {:?}", around(expected), around(ours))
}

/// `2026-01-02T12:34:56`
fn local_time(text: &str) -> Option<LocalTime> {
    let (date, time) = text.split_once('T')?;
    let numbers = |text: &str, separator| -> Option<Vec<u32>> {
        text.split(separator).map(|part| part.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date[..].try_into().ok()?, time[..].try_into().ok()?);
    LocalTime::new(i32::try_from(year).ok()?, month, day, hour, minute, second).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: LocalTime = LocalTime::EPOCH;

    fn case(json: Value) -> Case {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn times_are_parsed() {
        assert_eq!(local_time("2026-01-02T12:34:56"), LocalTime::new(2026, 1, 2, 12, 34, 56).ok());
        assert_eq!(local_time("2026-01-02 12:34:56"), None);
        assert_eq!(local_time("2026-01T12:34:56"), None);
    }

    #[test]
    fn a_prompt_that_differs_or_is_not_rejected_is_wrong() {
        let template = ChatTemplate::new("{{ messages[0].content }}{{ mark }}", "", "").unwrap();
        let context = serde_json::json!({"messages": [{"role": "user", "content": "hi"}], "mark": "!"});
        let right = case(serde_json::json!({"name": "a", "context": context, "rendered": "hi!"}));
        assert_eq!(check(&template, &right, NOW), None);
        let wrong = case(serde_json::json!({"name": "a", "context": context, "rendered": "hi?"}));
        assert_eq!(check(&template, &wrong, NOW).unwrap(), "at character 2: expected \"hi?\", got \"hi!\"");
        let refused = case(
            serde_json::json!({"name": "a", "context": context, "error": "x", "raised_by_template": true}),
        );
        assert!(check(&template, &refused, NOW).is_some());
        let any = case(serde_json::json!({"name": "a", "context": context, "error": "TypeError"}));
        assert_eq!(check(&template, &any, NOW), None);
    }
}
