//! The forms of past tool calls: their arguments and ids.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

pub(super) use linnet_text::ArgumentsForm;
use linnet_text::{ChatTemplate, IdStyle, LocalTime};
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
}

/// An id of the only form that some templates take.
pub(super) const SHORT: &str = "linnet123";

impl CallsForm {
    /// How the template shows a call with `arguments` in the form that it takes.
    pub(super) fn of(
        template: &ChatTemplate,
        now: LocalTime,
        before: &[Value],
        content: ContentForm,
        arguments: ArgumentsForm,
    ) -> Self {
        let renders = |called: [Value; 2], has_result: bool| {
            let messages = [before, &called[..1 + usize::from(has_result)]].concat();
            let prompt = Variables::new(now).render(template, &messages, true);
            prompt.ok().filter(|prompt| count_of_probes(prompt) > 0)
        };
        let object = json!({ PROBE: "." });
        let with = |arguments: Value, name: &str, has_result| {
            renders(called(content, SHORT, name, arguments), has_result).is_some()
        };
        let shows = |has_result| with(arguments.form(&object).into_owned(), "f", has_result);
        // It may read only some arguments.
        let shown = shows(true) || shows(false) || with(json!({}), PROBE, false);
        CallsForm { shown, example: example(template, now, before, content, arguments), arguments }
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

/// An id that the template accepts, for the call with this number in the conversation.
pub(crate) fn numbered_id(style: IdStyle, name: &str, number: usize) -> String {
    match style {
        IdStyle::NameAndIndex => format!("functions.{name}:{number}"),
        IdStyle::NineAlphanumeric | IdStyle::Any => format!("id{number:07}"),
    }
}

/// The messages with ids that the template accepts. Other ids, from clients or other models, get new ones, the
/// same for a call and its result.
pub(super) fn with_ids_of(style: IdStyle, messages: &[Message]) -> Cow<'_, [Message]> {
    let fits = |id: &str, name: Option<&str>| match style {
        IdStyle::NameAndIndex => name.is_none_or(|name| id.starts_with(&format!("functions.{name}:"))),
        _ => style.accepts(id),
    };
    if style == IdStyle::Any {
        return messages.into();
    }
    let calls = || messages.iter().flat_map(|message| &message.tool_calls);
    let ids = calls().map(|call| (call.id.as_deref(), Some(call.name.as_str())));
    let ids = ids.chain(messages.iter().map(|message| (message.tool_call_id.as_deref(), None)));
    let given: HashSet<&str> = ids.filter_map(|(id, name)| id.filter(|id| fits(id, name))).collect();
    let mut count = 0;
    let mut unused = |name: &str| loop {
        let id = numbered_id(style, name, count);
        count += 1;
        if !given.contains(id.as_str()) {
            return id;
        }
    };
    let mut known: HashMap<String, String> = HashMap::new();
    let mut with_ids = Cow::Borrowed(messages);
    // The calls without a result, for results that do not say which they are.
    let mut open: Vec<String> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let mut id_of = |id: Option<&str>, name: Option<&str>| match id {
            Some(id) if fits(id, name) && !known.contains_key(id) => id.to_owned(),
            Some(id) => {
                known.entry(id.to_owned()).or_insert_with(|| unused(name.unwrap_or_default())).clone()
            }
            None => unused(name.unwrap_or_default()),
        };
        if !message.tool_calls.is_empty() {
            open.clear();
        }
        for (at, call) in message.tool_calls.iter().enumerate() {
            let id = id_of(call.id.as_deref(), Some(&call.name));
            if call.id.as_ref() != Some(&id) {
                with_ids.to_mut()[index].tool_calls[at].id = Some(id.clone());
            }
            open.push(id);
        }
        if message.role == Role::Tool {
            let id = match &message.tool_call_id {
                None if !open.is_empty() => open[0].clone(),
                id => id_of(id.as_deref(), None),
            };
            open.retain(|other| *other != id);
            if message.tool_call_id.as_ref() != Some(&id) {
                with_ids.to_mut()[index].tool_call_id = Some(id);
            }
        }
    }
    with_ids
}
