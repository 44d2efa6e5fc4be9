//! Finds the format of calls that the template does not write, from how it describes tools to the model.

use super::probe::{Probe, Setting, common_length};
use crate::chat_format::{CallFormat, CallKind, Marks, ReasoningFormat, tags};

/// The format that the tools' description names.
pub(super) fn detect(probe: &Probe<'_>, reasoning: Option<&ReasoningFormat>) -> CallFormat {
    let prompt = |tools| probe.render(&[probe.question()], Setting { tools, asks: true, thinks: None });
    let (Some(with), Some(without)) = (prompt(true), prompt(false)) else { return CallFormat::generic() };
    let added = &with[common_length(&with, &without)..];
    // LFM2 calls functions as Python does, and its templates do not say so.
    if added.contains("List of tools: ") {
        let section = Marks::new("<|tool_call_start|>", "<|tool_call_end|>");
        return CallFormat::of(CallKind::Pythonic, section, Marks::default());
    }
    let is_reasoning = |tag: &str| reasoning.is_some_and(|it| it.marks.open == tag || it.marks.close == tag);
    let names_call = |tag: &&str| {
        let name = tag.to_ascii_lowercase();
        let other = ["result", "response", "output", "available", "list", "tools", "/"];
        tags::is_distinct(tag)
            && !is_reasoning(tag)
            && ["call", "function"].iter().any(|word| name.contains(word))
            && !other.iter().any(|word| name.contains(word))
    };
    let spans = tags::spans(added);
    let Some(open) = spans.iter().map(|span| &added[span.clone()]).find(names_call) else {
        return CallFormat::generic();
    };
    let close = tags::closing_of(open).filter(|close| added.contains(close)).unwrap_or_default();
    CallFormat::json(open, &close)
}
