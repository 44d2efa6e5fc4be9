//! Finds the format of calls in how the template describes tools, if it does not show earlier calls.

use super::{ANSWER, NAMES, Probe, Setting, common_length};
use crate::chat_format::{CallFormat, CallKind, ChatFormat, Marks, tags};

/// The format that the tools' description names, if it names one.
pub(super) fn detect(probe: &Probe<'_>, found: &ChatFormat) -> Option<CallFormat> {
    let prompt =
        |tools| probe.render(&[probe.question()], Setting { tools, asks: true, ..Setting::default() });
    let (with, without) = (prompt(true)?, prompt(false)?);
    let added = &with[common_length(&with, &without)..];
    if let Some(calls) = in_text(probe) {
        return Some(calls);
    }
    // LFM2 calls functions as Python does, and its templates do not say so.
    if added.contains("List of tools: ") {
        let section = Marks::new("<|tool_call_start|>", "<|tool_call_end|>");
        return Some(CallFormat::of(CallKind::Pythonic, section, Marks::default()));
    }
    let is_reasoning =
        |tag: &str| found.reasoning.as_ref().is_some_and(|it| it.marks.open == tag || it.marks.close == tag);
    // The tag around the tools is not that of calls.
    let holds_tools = |tag: &str, close: &str| {
        let mut after = added.split(tag).skip(1).filter_map(|after| Some(after.split_once(close)?.0));
        after.any(|inside| NAMES.iter().any(|name| inside.contains(name)))
    };
    let names_call = |tag: &&str| {
        let name = tag.to_ascii_lowercase();
        let other = ["result", "response", "output", "available", "list", "tools", "/"];
        tags::is_distinct(tag)
            && !is_reasoning(tag)
            && tags::closing_of(tag).is_none_or(|close| !holds_tools(tag, &close))
            && ["call", "function"].iter().any(|word| name.contains(word))
            && !other.iter().any(|word| name.contains(word))
    };
    let spans: Vec<&str> = tags::spans(added).into_iter().map(|span| &added[span]).collect();
    let Some(open) = spans.iter().find(|tag| names_call(tag)) else { return around_tools(added) };
    let close = tags::closing_of(open).filter(|close| added.contains(close)).unwrap_or_default();
    if added.to_ascii_lowercase().contains("pythonic") {
        let section = Marks::new(open, &close);
        return Some(CallFormat::of(CallKind::Pythonic, section, Marks::default()));
    }
    Some(CallFormat::json(open, &close))
}

/// Some templates for OLMo take the calls of an answer as text, in a field of its own. They are Python's, one a line.
fn in_text(probe: &Probe<'_>) -> Option<CallFormat> {
    const CALLS: &str = "zqcalls";
    let mut message = probe.answer();
    message["function_calls"] = CALLS.into();
    let prompt = probe.render(&[probe.question(), message], Setting::default())?;
    let (before, after) = prompt.rsplit_once(ANSWER)?.1.split_once(CALLS)?;
    let (open, close) = (tags::split(before).pop()?, tags::split(after).into_iter().next()?);
    let section = Marks::new(&open, &close);
    tags::is_pair(&open, &close).then(|| CallFormat::of(CallKind::Pythonic, section, Marks::default()))
}

/// Models that get their tools between `<|tool|>` and `<|/tool|>`, as Phi-4-mini does, call them between
/// `<|tool_call|>` and `<|/tool_call|>`.
fn around_tools(added: &str) -> Option<CallFormat> {
    let (before, _) = added.split_once(NAMES[0])?;
    let spans = tags::spans(before);
    let open = spans.iter().rev().map(|span| &before[span.clone()]).find(|tag| tags::is_distinct(tag))?;
    let close = tags::closing_of(open).filter(|close| added.contains(close))?;
    let words = |text: &str| text.replacen("tools", "tool", 1).replacen("tool", "tool_call", 1);
    let is_tool = open.trim_matches(|c: char| !c.is_alphanumeric()).trim_end_matches('s') == "tool";
    is_tool.then(|| CallFormat::json(&words(open), &words(&close)))
}
