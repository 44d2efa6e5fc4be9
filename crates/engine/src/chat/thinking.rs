//! How a template shows reasoning, and how it lets the model think or not.

use linnet_text::{ChatTemplate, LocalTime};
use serde_json::{Value, json};

use super::calls::{SHORT, called};
use super::capabilities::ContentForm;
use super::probe::{PROBE, count_of_probes};
use super::variables::Variables;
use crate::request::{ReasoningEffort, Role};

/// What a template does about reasoning.
#[derive(Debug)]
pub(super) struct Thinking {
    pub(super) form: ReasoningForm,
    /// Whether it rejects calls with both reasoning and text.
    pub(super) rejects_text: bool,
    /// The variables that turn thinking on and off.
    pub(super) switches: Vec<&'static str>,
    /// The values of `reasoning_effort` that it takes, in order.
    pub(super) efforts: Vec<ReasoningEffort>,
}

/// Where a template looks for the reasoning of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ReasoningForm {
    /// In the field `reasoning_content`, or nowhere.
    ReasoningContent,
    /// In this field, for example gpt-oss' `thinking`.
    Field(&'static str),
    /// In a part of the content: `{"type": "thinking", "thinking": ...}`.
    Part,
}

/// Names of variables that turn thinking on and off.
const SWITCHES: [&str; 3] = ["enable_thinking", "thinking", "enable_reasoning"];

impl Thinking {
    pub(super) fn of(
        template: &ChatTemplate,
        source: &str,
        now: LocalTime,
        asked: &Value,
        content: ContentForm,
    ) -> Self {
        let form = ReasoningForm::of(template, now, asked, content);
        let asks = [asked.clone()];
        let with =
            |name: &str, value: Value| Variables::with(name, value, now).render(template, &asks, true).ok();
        let switches = SWITCHES
            .into_iter()
            .filter(|name| source.contains(name) && with(name, true.into()) != with(name, false.into()));
        // Most templates that print the level take any text; models know these three.
        let is_known = |effort: &ReasoningEffort| {
            *effort >= ReasoningEffort::Low
                || template.literals().binary_search_by(|text| text.as_str().cmp(effort.name())).is_ok()
        };
        let takes = |effort: &ReasoningEffort| {
            is_known(effort) && with("reasoning_effort", effort.name().into()).is_some()
        };
        let efforts = if source.contains("reasoning_effort") { &ReasoningEffort::ALL[..] } else { &[] };
        let rejects_text = form != ReasoningForm::ReasoningContent && {
            let renders = |text: &str, reasoning: &str| {
                let message = form.probe(content, text, reasoning, true);
                Variables::new(now).render(template, &[asked.clone(), message], true).is_ok()
            };
            renders(".", "") && renders("", ".") && !renders(".", ".")
        };
        Thinking {
            form,
            rejects_text,
            switches: switches.collect(),
            efforts: efforts.iter().copied().filter(takes).collect(),
        }
    }
}

impl Thinking {
    /// Whether a request can turn thinking on and off.
    pub(super) fn has_switch(&self) -> bool {
        !self.switches.is_empty() || self.efforts.contains(&ReasoningEffort::None)
    }
}

impl ReasoningForm {
    /// The form in which the probe appears in a prompt.
    fn of(template: &ChatTemplate, now: LocalTime, asked: &Value, content: ContentForm) -> Self {
        use ReasoningForm::{Field, Part, ReasoningContent};
        let [_, result] = called(content, SHORT, "f", json!({}));
        let shows = |form: &ReasoningForm| {
            // Many templates show only the reasoning since the last question, some only that before a call.
            [("", true), (".", false)].into_iter().any(|(text, calls)| {
                let mut messages = vec![asked.clone(), form.probe(content, text, PROBE, calls)];
                messages.extend(calls.then(|| result.clone()));
                let prompt = Variables::new(now).render(template, &messages, calls);
                // Not as JSON, which is how some templates print any content that is not a string.
                prompt.is_ok_and(|prompt| {
                    count_of_probes(&prompt) > 0
                        && !prompt.contains("\"thinking\"")
                        && !prompt.contains("'thinking'")
                })
            })
        };
        let forms = [ReasoningContent, Field("reasoning"), Field("thinking"), Part];
        forms.into_iter().find(shows).unwrap_or(ReasoningContent)
    }

    /// An answer with reasoning, and perhaps with a call.
    fn probe(self, content: ContentForm, text: &str, reasoning: &str, calls: bool) -> Value {
        let mut message = content.message(Role::Assistant, text);
        if calls {
            let [mut call, _] = called(content, SHORT, "f", json!({}));
            message["tool_calls"] = call["tool_calls"].take();
        }
        match self {
            _ if reasoning.is_empty() => {}
            ReasoningForm::ReasoningContent => message["reasoning_content"] = reasoning.into(),
            ReasoningForm::Field(field) => message[field] = reasoning.into(),
            ReasoningForm::Part => {
                let mut parts = vec![json!({ "type": "thinking", "thinking": reasoning })];
                if !text.is_empty() {
                    parts.push(json!({ "type": "text", "text": text }));
                }
                message["content"] = parts.into();
            }
        }
        message
    }
}
