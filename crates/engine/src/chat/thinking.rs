//! How a template shows reasoning, and how it lets the model think or not.

use linnet_text::{ChatFormat, ChatTemplate, LocalTime, ThinkingSwitch};
use serde_json::{Value, json};

use super::calls::{SHORT, called};
use super::capabilities::{ContentForm, TemplateCapabilities};
use super::probe::{PROBE, count_of_probes};
use super::variables::Variables;
use crate::request::{ReasoningEffort, Role};

/// The variable with the level of effort.
pub(super) const EFFORT: &str = "reasoning_effort";

/// What a template does about reasoning.
#[derive(Debug)]
pub(super) struct Thinking {
    pub(super) form: ReasoningForm,
    /// Whether it rejects calls with both reasoning and text.
    pub(super) rejects_text: bool,
    /// The variables that turn thinking on and off.
    pub(super) switches: Vec<ThinkingSwitch>,
    /// The texts that do, if no variable does.
    pub(super) texts: Option<TextSwitch>,
    /// The values of `reasoning_effort` that it takes, in order.
    pub(super) efforts: Vec<ReasoningEffort>,
    /// How it spells the lowest level.
    no_effort: &'static str,
    /// Whether the model thinks if a request does not say.
    by_default: bool,
}

/// Texts in a message that turn thinking on and off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TextSwitch {
    off: &'static str,
    on: &'static str,
    /// Whether the template looks for them in the system message, or else in the last question.
    pub(super) in_system: bool,
}

impl TextSwitch {
    pub(super) fn text(self, thinks: bool) -> &'static str {
        if thinks { self.on } else { self.off }
    }

    /// Whether this is one of them.
    pub(super) fn is(self, text: &str) -> bool {
        [self.on, self.off].contains(&text)
    }
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

/// Texts that turn thinking off, and on.
const TEXTS: [[&str; 2]; 3] =
    [["/no_think", "/think"], ["/nothink", "/think"], ["detailed thinking off", "detailed thinking on"]];

/// Names of the level at which a model does not think.
const NO_EFFORT: [&str; 5] = ["none", "no_think", "nothink", "off", "disabled"];

impl Thinking {
    pub(super) fn of(
        template: &ChatTemplate,
        source: &str,
        now: LocalTime,
        asked: &Value,
        capabilities: &TemplateCapabilities,
        format: &ChatFormat,
    ) -> Self {
        let form = ReasoningForm::of(template, now, asked, capabilities.assistant);
        let asks = [asked.clone()];
        let with =
            |name: &str, value: Value| Variables::with(name, value, now).render(template, &asks, true).ok();
        let switches = ThinkingSwitch::of(template, &|name, value| with(name, value.clone()));
        // Most templates that print the level take any text; models know these three. Some compare it with two.
        let has = |word: &str| template.literals().binary_search_by(|text| text.as_str().cmp(word)).is_ok();
        let no_effort = NO_EFFORT.into_iter().find(|word| has(word));
        let levels = ReasoningEffort::ALL[2..].iter().filter(|effort| has(effort.name())).count();
        let is_known = |effort: &ReasoningEffort| match effort {
            ReasoningEffort::None => no_effort.is_some(),
            ReasoningEffort::Minimal => has(effort.name()),
            effort => levels < 2 || has(effort.name()),
        };
        let no_effort = no_effort.unwrap_or_default();
        let with_effort = |effort: ReasoningEffort| {
            let name = if effort == ReasoningEffort::None { no_effort } else { effort.name() };
            with(EFFORT, name.into())
        };
        let efforts = if template.has_variable(EFFORT) { &ReasoningEffort::ALL[..] } else { &[] };
        let takes = |effort: &ReasoningEffort| is_known(effort) && with_effort(*effort).is_some();
        let efforts: Vec<ReasoningEffort> = efforts.iter().copied().filter(takes).collect();
        let rejects_text = form != ReasoningForm::ReasoningContent && {
            let renders = |text: &str, reasoning: &str| {
                let message = form.probe(capabilities.assistant, text, reasoning, true);
                Variables::new(now).render(template, &[asked.clone(), message], true).is_ok()
            };
            renders(".", "") && renders("", ".") && !renders(".", ".")
        };
        let plain = Variables::new(now).render(template, &asks, true).ok();
        let (mut texts, mut by_default) = (None, format.reasoning.is_some());
        if let Some(switch) = switches.first() {
            by_default = with(&switch.name, switch.value(false)) != plain;
        } else if efforts.contains(&ReasoningEffort::None) {
            by_default = with_effort(ReasoningEffort::None) != plain;
        } else if let Some((found, turns_off)) = text_switch(template, source, now, capabilities) {
            (texts, by_default) = (Some(found), turns_off);
        }
        Thinking { form, rejects_text, switches, texts, efforts, no_effort, by_default }
    }

    /// The level for a request, as the template spells it: the nearest above the requested one that it takes, or
    /// else below it. Without a requested one, it may switch thinking.
    pub(super) fn effort(
        &self,
        wanted: Option<ReasoningEffort>,
        thinks: Option<bool>,
    ) -> Option<&'static str> {
        let switches = self.switches.is_empty() && self.texts.is_none() && self.has_switch();
        let wanted = match (wanted, thinks) {
            (None, Some(false)) if switches => ReasoningEffort::None,
            (None, Some(true)) if switches && !self.by_default => ReasoningEffort::Medium,
            (wanted, _) => wanted?,
        };
        let above = self.efforts.iter().find(|effort| **effort >= wanted);
        let effort = *above.or(self.efforts.last())?;
        Some(if effort == ReasoningEffort::None { self.no_effort } else { effort.name() })
    }

    /// Whether a request can turn thinking on and off.
    pub(super) fn has_switch(&self) -> bool {
        !self.switches.is_empty() || self.texts.is_some() || self.efforts.contains(&ReasoningEffort::None)
    }

    /// Whether the model thinks if a request does not say.
    pub(super) fn is_on_by_default(&self) -> bool {
        self.by_default
    }
}

/// The texts that change the start of the answer, and whether it is the first of them that does.
fn text_switch(
    template: &ChatTemplate,
    source: &str,
    now: LocalTime,
    capabilities: &TemplateCapabilities,
) -> Option<(TextSwitch, bool)> {
    let user = capabilities.user.unwrap_or(capabilities.assistant);
    let start = |in_system: bool, text: &str| {
        let mut messages = Vec::new();
        let mut question = PROBE.to_owned();
        if in_system {
            messages.push(capabilities.system?.message(Role::System, &format!("Hi. {text}")));
        } else {
            question = format!("{question} {text}");
        }
        messages.push(user.message(Role::User, &question));
        let prompt = Variables::new(now).render(template, &messages, true).ok()?;
        let start = prompt.rsplit_once(PROBE)?.1.replacen(text, "", 1);
        Some(start.split_whitespace().collect::<String>())
    };
    let places = [true, false].into_iter().flat_map(|in_system| TEXTS.map(|texts| (in_system, texts)));
    places.filter(|(_, [off, _])| source.contains(off)).find_map(|(in_system, [off, on])| {
        let [plain, with_off, with_on] = ["", off, on].map(|text| start(in_system, text));
        let switch = TextSwitch { off, on, in_system };
        (plain.is_some() && with_off.is_some() && with_off != with_on).then(|| (switch, with_off != plain))
    })
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
