//! Finds the format of calls: from how the template writes earlier ones, or from how it describes tools.

use serde_json::{Map, Value, json};

use super::shapes;
use super::{ANSWER, IDS, NAMES, Probe, RESULT, Setting, arguments, common_length};
use crate::chat_format::{CallFormat, CallKind, Dialect, IdStyle, JsonKeys, Marks, ReasoningFormat, tags};

/// What the template writes for calls.
pub(super) struct Found {
    pub(super) format: CallFormat,
    /// A mark that ends the calls in place of the turn's usual end.
    pub(super) hand_over: Option<String>,
}

/// How a call is given to the template.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Arguments in a string of JSON.
    as_text: bool,
    /// The content next to the calls: null, or empty.
    null_content: bool,
    /// Whether the id contains the name.
    named_ids: bool,
    /// Whether the result of the call follows.
    has_result: bool,
}

/// What the template writes for one call, two calls, and a call without arguments.
pub(super) struct Samples {
    pub(super) one: String,
    pub(super) two: Option<String>,
    pub(super) ids: [String; 2],
}

pub(super) fn detect(probe: &Probe<'_>, reasoning: Option<&ReasoningFormat>) -> Option<Found> {
    // Python's quotes may only show that the template takes the arguments as text.
    let mut python = None;
    for named_ids in [false, true] {
        for as_text in [false, true] {
            for has_result in [false, true] {
                let forms =
                    [true, false].map(|null_content| Form { as_text, null_content, named_ids, has_result });
                let samples = forms.into_iter().filter_map(|form| {
                    samples(probe, form, reasoning).map(|samples| (samples.one.len(), form, samples))
                });
                // The shorter one does not print the missing content.
                let Some((_, form, samples)) = samples.min_by_key(|(length, ..)| *length) else { continue };
                let found = shapes::with_object(&samples).or_else(|| shapes::with_arguments(&samples));
                let Some(format) = found else { continue };
                let is_python = matches!(
                    &format.kind,
                    CallKind::Json(JsonKeys { dialect, .. }) | CallKind::Named { dialect, .. }
                        if *dialect == Dialect::Python
                );
                let found = Found { format, hand_over: hand_over(probe, form) };
                if !is_python {
                    return Some(found);
                }
                python = python.or(Some(found));
            }
        }
    }
    python
}

fn ids(form: Form) -> [String; 2] {
    if form.named_ids {
        [format!("functions.{}:0", NAMES[0]), format!("functions.{}:1", NAMES[1])]
    } else {
        IDS.map(str::to_owned)
    }
}

/// A message with one call, or with two.
fn calls(probe: &Probe<'_>, form: Form, count: usize) -> Value {
    let ids = ids(form);
    let call = |index: usize| {
        let arguments: Map<String, Value> = arguments();
        let arguments: Value =
            if form.as_text { Value::Object(arguments).to_string().into() } else { arguments.into() };
        let function = json!({ "name": NAMES[index], "arguments": arguments });
        json!({ "id": ids[index], "type": "function", "function": function })
    };
    let content = if form.null_content { Value::Null } else { probe.empty() };
    let calls: Value = (0..count).map(call).collect();
    json!({ "role": "assistant", "content": content, "tool_calls": calls })
}

/// A message with one call.
pub(super) fn one_call(probe: &Probe<'_>) -> Value {
    calls(probe, Form { as_text: false, null_content: false, named_ids: false, has_result: false }, 1)
}

fn samples(probe: &Probe<'_>, form: Form, reasoning: Option<&ReasoningFormat>) -> Option<Samples> {
    let setting = Setting { tools: true, ..Setting::default() };
    let plain = probe.render(&[probe.question(), probe.answer()], setting)?;
    let footer = &plain[plain.rfind(ANSWER)? + ANSWER.len()..];
    let ids = ids(form);
    let sample = |count| {
        let mut messages = vec![probe.question(), calls(probe, form, count)];
        if form.has_result {
            messages.extend(ids.iter().take(count).map(|id| probe.result(id)));
        }
        let prompt = probe.render(&messages, setting)?;
        let start = common_length(&prompt, &plain);
        let shows = |part: &str| {
            NAMES[..count]
                .iter()
                .zip(&ids)
                .all(|(name, id)| part.contains(name) || part.contains(id.as_str()))
        };
        let mut part = &prompt[start..];
        if form.has_result {
            // What follows the calls up to the result is not known.
            let end = footer.trim();
            let length = part.find(RESULT).unwrap_or(part.len());
            part =
                if end.is_empty() { &part[..length] } else { part[..length].split(end).next().unwrap_or("") };
        }
        if !shows(part) {
            return None;
        }
        for end in [footer, footer.trim(), probe.template.eos()] {
            part = part.strip_suffix(end).unwrap_or(part);
        }
        // Some templates write empty reasoning before calls.
        if let Some(reasoning) = reasoning {
            let Marks { open, close } = &reasoning.marks;
            let inside = part.trim_start().starts_with(open.as_str())
                || open.ends_with(part.lines().next().unwrap_or("\0"));
            if let Some((_, after)) =
                part.split_once(close.as_str()).filter(|(before, _)| inside || before.trim().is_empty())
            {
                part = after.trim_start();
            }
        }
        Some(part.to_owned())
    };
    Some(Samples { one: sample(1)?, two: sample(2), ids })
}

/// Some models end their calls with the mark of the result that follows.
fn hand_over(probe: &Probe<'_>, form: Form) -> Option<String> {
    let setting = Setting { tools: true, ..Setting::default() };
    let plain = probe.render(&[probe.question(), probe.answer()], setting)?;
    let footer = plain[plain.rfind(ANSWER)? + ANSWER.len()..].trim().to_owned();
    let call = calls(probe, form, 1);
    let prompt = probe.render(&[probe.question(), call.clone()], setting)?;
    let with_result = probe.render(&[probe.question(), call, probe.result(&ids(form)[0])], setting)?;
    let start = common_length(&with_result, &prompt);
    let (between, _) = with_result[start..].split_once(RESULT)?;
    // The mark begins where the two begin to differ, or before.
    let tag = tags::split(between).into_iter().next()?;
    let ends_turn =
        footer.is_empty() || with_result[..start].trim_end().ends_with(&footer) || between.contains(&footer);
    (!ends_turn && tags::is_distinct(&tag)).then_some(tag)
}

/// The ids that the template accepts.
pub(super) fn id_style(probe: &Probe<'_>) -> IdStyle {
    let renders = |id: &str, named_ids| {
        let form = Form { as_text: false, null_content: true, named_ids, has_result: true };
        let mut call = calls(probe, form, 1);
        call["tool_calls"][0]["id"] = id.into();
        probe.render(
            &[probe.question(), call, probe.result(id)],
            Setting { tools: true, ..Setting::default() },
        )
    };
    if let Some(prompt) = renders("functions.zqname:0", true)
        && prompt.contains("functions.zqname:0")
        && !prompt[prompt.find("functions.zqname").unwrap_or(0)..].contains(NAMES[0])
    {
        return IdStyle::NameAndIndex;
    }
    match renders(IDS[0], false).is_some() && renders("call_zq_000001", false).is_none() {
        true => IdStyle::NineAlphanumeric,
        false => IdStyle::Any,
    }
}

/// Divides the text before and after a call into the marks of all calls and those of each, by what is between
/// two calls.
pub(super) fn divide(open: &str, close: &str, between: Option<&str>) -> (Marks, Marks) {
    let Some(between) = between else { return (Marks::default(), Marks::new(open, close)) };
    let ends = tags::common_start(close, between);
    let begins = tags::common_end(open, between);
    let (section_open, call_open) = open.split_at(open.len() - begins);
    let (call_close, section_close) = close.split_at(ends);
    // White space alone is no mark.
    if section_open.trim().is_empty() && section_close.trim().is_empty() {
        return (Marks::default(), Marks::new(open, close));
    }
    (Marks::new(section_open, section_close), Marks::new(call_open, call_close))
}

/// The format that the tools' description names.
pub(super) fn described(probe: &Probe<'_>, reasoning: Option<&ReasoningFormat>) -> CallFormat {
    let prompt =
        |tools| probe.render(&[probe.question()], Setting { tools, asks: true, ..Setting::default() });
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
