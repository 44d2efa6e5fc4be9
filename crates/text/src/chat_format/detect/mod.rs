//! Finds a model's format from its chat template.
//!
//! Small conversations with words that no template contains are rendered, and what the template writes around
//! these words shows the format. Only what no template writes is found in its source: the channels of harmony,
//! and a few formats of calls that their templates neither describe nor repeat.

mod calls;
mod described;
mod json;
mod probe;
mod reasoning;
mod tagged;

use super::{CallFormat, CallKind, ChatFormat, IdStyle, Marks, ReasoningFormat};
use crate::{ChatTemplate, LocalTime};
use probe::Probe;

impl ChatFormat {
    /// Finds the format of a model by rendering its chat template; `source` is the template's text. A template
    /// that fails or shows nothing gets the [generic](Self::generic) format.
    #[must_use]
    pub fn detect(template: &ChatTemplate, source: &str, now: LocalTime) -> Self {
        if source.contains("<|channel|>") && source.contains("<|message|>") {
            return harmony(source);
        }
        let probe = Probe::new(template, now);
        let (reasoning, answer) = reasoning::detect(&probe, source);
        let describes_tools = probe.describes_tools();
        let found = calls::detect(&probe, reasoning.as_ref());
        let renders_calls = found.is_some();
        let mut dropped = Vec::new();
        let calls = match found {
            Some(found) => {
                dropped.extend(found.hand_over);
                found.format
            }
            None if describes_tools => described::detect(&probe, reasoning.as_ref()),
            None => CallFormat::generic(),
        };
        let mut format = Self {
            reasoning,
            answer,
            calls,
            ids: calls::id_style(&probe),
            dropped,
            describes_tools,
            renders_calls,
        };
        // Built-in tools of Llama 3 begin with this mark, and so do calls of some fine-tunes.
        let calls = &mut format.calls;
        let bare = calls.section.open.is_empty() && calls.call.open.is_empty();
        if bare && matches!(calls.kind, CallKind::Json(_)) && source.contains("ipython") {
            calls.other_opens.push("<|python_tag|>".into());
        }
        format
    }
}

/// OpenAI's harmony, which its template writes in full only for some turns.
fn harmony(source: &str) -> ChatFormat {
    ChatFormat {
        reasoning: Some(ReasoningFormat {
            marks: Marks::new("<|channel|>analysis<|message|>", "<|end|>"),
            prompt_opens: false,
            anywhere: true,
        }),
        answer: None,
        calls: CallFormat::of(CallKind::Harmony, Marks::default(), Marks::default()),
        ids: IdStyle::Any,
        dropped: Vec::new(),
        describes_tools: source.contains("tools"),
        renders_calls: source.contains("tool_calls"),
    }
}
