//! The forms of past tool calls: their arguments and ids.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use linnet_text::{ChatTemplate, LocalTime};
use serde_json::{Value, json};

use super::capabilities::ContentForm;
use super::probe::{PROBE, count_of_probes};
use super::variables::Variables;
use crate::request::{Message, Role};

/// How a template takes past tool calls.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CallsForm {
    /// Whether it shows them.
    pub(super) shown: bool,
    /// A call as it writes one, as an example; empty if that is not found.
    pub(super) example: String,
    /// The form of the arguments.
    pub(super) arguments: ArgumentsForm,
    /// Whether it takes only ids of nine letters and digits, as Mistral's templates do.
    pub(super) short_ids: bool,
}

/// How a template takes the arguments of a tool call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ArgumentsForm {
    /// A map: the template iterates over it, or writes it as JSON itself.
    Object,
    /// A string of JSON, which the template puts into the prompt unchanged.
    Text,
}

/// An id of the only form that some templates take.
pub(super) const SHORT: &str = "linnet123";

impl CallsForm {
    /// The form in which the probe appears, preferably as JSON: printing a map directly would show Python's
    /// quotes.
    pub(super) fn of(
        template: &ChatTemplate,
        now: LocalTime,
        before: &[Value],
        content: ContentForm,
    ) -> Self {
        let renders = |called: [Value; 2], has_result: bool| {
            let messages = [before, &called[..1 + usize::from(has_result)]].concat();
            let prompt = Variables::new(now).render(template, &messages, true);
            prompt.ok().filter(|prompt| count_of_probes(prompt) > 0)
        };
        let object = json!({ PROBE: "." });
        let form = |arguments, short_ids| CallsForm {
            shown: true,
            example: example(template, now, before, content, arguments),
            arguments,
            short_ids,
        };
        for has_result in [true, false] {
            let with = |id: &str, arguments: Value| renders(called(content, id, "f", arguments), has_result);
            let as_object = with(SHORT, object.clone());
            let as_text = with(SHORT, object.to_string().into());
            let is_json = |prompt: &String| prompt.contains(&format!("\"{PROBE}\":"));
            let arguments = match (as_object, as_text) {
                (None, None) => continue,
                (None, Some(_)) => ArgumentsForm::Text,
                (Some(object), Some(text)) if object.contains(&format!("'{PROBE}':")) && is_json(&text) => {
                    ArgumentsForm::Text
                }
                (Some(_), _) => ArgumentsForm::Object,
            };
            let short_ids = with("call_linnet", arguments.form(&object).into_owned()).is_none();
            return form(arguments, short_ids);
        }
        // It may read only some arguments.
        let shown = renders(called(content, SHORT, PROBE, json!({})), false).is_some();
        CallsForm { shown, ..form(ArgumentsForm::Object, false) }
    }
}

/// A call and its result.
pub(super) fn called(content: ContentForm, id: &str, name: &str, arguments: Value) -> [Value; 2] {
    let function = json!({ "name": name, "arguments": arguments });
    let call = json!({ "id": id, "type": "function", "function": function });
    let mut message = content.message(Role::Assistant, "");
    message["tool_calls"] = json!([call]);
    let mut result = content.message(Role::Tool, ".");
    result["tool_call_id"] = id.into();
    result["name"] = name.into();
    [message, result]
}

/// What a template writes for a call in place of text.
fn example(
    template: &ChatTemplate,
    now: LocalTime,
    before: &[Value],
    content: ContentForm,
    arguments: ArgumentsForm,
) -> String {
    let render = |message: Value| {
        Variables::new(now).render(template, &[before, &[message]].concat(), false).unwrap_or_default()
    };
    let values = json!({ "<argument-name>": "<argument-value>" });
    let [call, _] = called(content, SHORT, "<function-name>", arguments.form(&values).into_owned());
    let (call, text) = (render(call), render(content.message(Role::Assistant, PROBE)));
    let around = text.split_once(PROBE);
    let example = around.and_then(|(before, after)| call.strip_prefix(before)?.strip_suffix(after));
    example.unwrap_or_default().to_owned()
}

impl ArgumentsForm {
    pub(super) fn form(self, arguments: &Value) -> Cow<'_, Value> {
        match (self, arguments) {
            (ArgumentsForm::Object, Value::String(json)) => match serde_json::from_str(json) {
                Ok(object @ Value::Object(_)) => Cow::Owned(object),
                // Anything but an object stays as the model wrote it.
                _ => Cow::Borrowed(arguments),
            },
            (ArgumentsForm::Text, Value::Object(_)) => Cow::Owned(arguments.to_string().into()),
            _ => Cow::Borrowed(arguments),
        }
    }
}

/// The messages with ids of nine letters and digits. Other ids, from clients or other models, get new ones,
/// the same for a call and its result.
pub(super) fn with_short_ids(messages: &[Message]) -> Cow<'_, [Message]> {
    let is_short = |id: &str| id.len() == SHORT.len() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    let ids = messages.iter().flat_map(|message| {
        message.tool_calls.iter().map(|call| call.id.as_deref()).chain([message.tool_call_id.as_deref()])
    });
    let short: HashSet<&str> = ids.flatten().filter(|id| is_short(id)).collect();
    let mut count = 0;
    let mut unused = || loop {
        let id = format!("id{count:07}");
        count += 1;
        if !short.contains(id.as_str()) {
            return id;
        }
    };
    let mut known: HashMap<String, String> = HashMap::new();
    let mut with_ids = Cow::Borrowed(messages);
    // The calls without a result, for results that do not say which they are.
    let mut open: Vec<String> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let mut short_id = |id: Option<&str>| match id {
            Some(id) if is_short(id) => id.to_owned(),
            Some(id) => known.entry(id.to_owned()).or_insert_with(&mut unused).clone(),
            None => unused(),
        };
        if !message.tool_calls.is_empty() {
            open.clear();
        }
        for (at, call) in message.tool_calls.iter().enumerate() {
            let id = short_id(call.id.as_deref());
            if call.id.as_ref() != Some(&id) {
                with_ids.to_mut()[index].tool_calls[at].id = Some(id.clone());
            }
            open.push(id);
        }
        if message.role == Role::Tool {
            let id = match &message.tool_call_id {
                None if !open.is_empty() => open[0].clone(),
                id => short_id(id.as_deref()),
            };
            open.retain(|other| *other != id);
            if message.tool_call_id.as_ref() != Some(&id) {
                with_ids.to_mut()[index].tool_call_id = Some(id);
            }
        }
    }
    with_ids
}
