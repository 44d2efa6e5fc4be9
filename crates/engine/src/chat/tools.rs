//! Tools in a prompt: in the form that the template takes, or described for a template that takes none.

use std::io;

use linnet_text::{ChatTemplate, LocalTime};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};
use serde_json::{Value, json};

use super::capabilities::ContentForm;
use super::message::Guard;
use super::probe::{PROBE, count_of_probes};
use super::variables::Variables;
use crate::request::{Role, Tool};

/// How a template takes the tools of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ToolsForm {
    place: ToolsPlace,
    /// Whether it fails for a tool without a description and parameters.
    complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ToolsPlace {
    /// The variable `tools` has the whole objects.
    Whole,
    /// The variable `tools` has only what is in their field `function`.
    Functions,
    /// The system message has this field, a string of JSON.
    SystemMessage(&'static str),
    /// The variable `functions` has what is in the field `function` of each, as a string of JSON.
    Text,
    /// It does not show tools.
    Nowhere,
}

/// The fields of the system message in which templates look for tools.
const FIELDS: [&str; 2] = ["tools", "functions"];

/// The variable with tools as a string.
pub(super) const TEXT: &str = "functions";

impl ToolsForm {
    /// The form in which the name of a tool appears in a prompt.
    pub(super) fn of(
        template: &ChatTemplate,
        now: LocalTime,
        asked: &Value,
        system: Option<ContentForm>,
    ) -> Self {
        let system = system.map(|form| form.message(Role::System, "."));
        let mut conversations: Vec<Vec<Value>> = vec![vec![asked.clone()]];
        conversations.extend(system.clone().map(|system| vec![system, asked.clone()]));
        let shows = |tools: Value| {
            conversations.iter().any(|messages| {
                let variables = Variables { tools: Some(tools.clone()), ..Variables::new(now) };
                let prompt = variables.render(template, messages, true);
                prompt.is_ok_and(|prompt| count_of_probes(&prompt) > 0)
            })
        };
        let bare = json!({ "name": PROBE });
        let function = completed_function(&bare);
        let whole = |function: &Value| json!([{ "type": "function", "function": function }]);
        let place = if shows(whole(&function)) {
            ToolsPlace::Whole
        } else if shows(json!([function])) {
            ToolsPlace::Functions
        } else if let Some(field) = FIELDS.into_iter().find(|field| {
            let Some(mut system) = system.clone() else { return false };
            system[*field] = spaced(&whole(&function)).into();
            let prompt = Variables::new(now).render(template, &[system, asked.clone()], true);
            prompt.is_ok_and(|prompt| count_of_probes(&prompt) > 0)
        }) {
            ToolsPlace::SystemMessage(field)
        } else if Variables::with(TEXT, spaced(&json!([function])).into(), now)
            .render(template, &[asked], true)
            .is_ok_and(|prompt| count_of_probes(&prompt) > 0)
        {
            ToolsPlace::Text
        } else {
            ToolsPlace::Nowhere
        };
        let complete = match place {
            ToolsPlace::Whole => !shows(whole(&bare)),
            ToolsPlace::Functions => !shows(json!([bare])),
            ToolsPlace::SystemMessage(_) | ToolsPlace::Text | ToolsPlace::Nowhere => false,
        };
        ToolsForm { place, complete }
    }

    pub(super) fn place(self) -> ToolsPlace {
        self.place
    }

    /// The tools as the template takes them, guarded.
    pub(super) fn value<'a>(self, tools: impl Iterator<Item = &'a Tool>, guard: Guard<'_>) -> Value {
        let values = tools.map(|tool| {
            let mut tool = guard.value(tool.definition());
            if self.complete {
                tool["function"] = completed_function(&tool["function"]);
            }
            match self.place {
                ToolsPlace::Functions | ToolsPlace::Text => tool["function"].take(),
                _ => tool,
            }
        });
        values.collect()
    }
}

/// A function with a description and parameters.
fn completed_function(function: &Value) -> Value {
    let mut function = function.clone();
    for (field, default) in
        [("description", json!("")), ("parameters", json!({ "type": "object", "properties": {} }))]
    {
        if function[field].is_null() {
            function[field] = default;
        }
    }
    function
}

/// The marks that this file writes, for templates that do not show tools.
pub(super) const OWN_MARKS: &str =
    "<tools> </tools> <tool_call> </tool_call> <tool_response> </tool_response>";

/// Describes tools for a template that does not show them, as Hermes' and Qwen's templates do. `example` is a
/// call as the template writes it, if it does.
pub(super) fn described(tools: &Value, example: &str, parallel: bool) -> String {
    let number = if parallel { "one or more functions" } else { "one function" };
    let each = if parallel { "For each function call" } else { "For the function call" };
    let mut text = format!(
        "# Tools\n\nYou may call {number} to assist with the user query.\n\nYou are provided with function \
         signatures within <tools></tools> XML tags:\n<tools>\n"
    );
    for tool in tools.as_array().into_iter().flatten() {
        text.push_str(&spaced(tool));
        text.push('\n');
    }
    text.push_str("</tools>\n\n");
    text.push_str(each);
    if example.is_empty() {
        text.push_str(
            ", return a JSON object with function name and arguments within <tool_call></tool_call> XML \
             tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": \
             <args-json-object>}\n</tool_call>",
        );
    } else {
        text.push_str(", answer in exactly this form:\n");
        text.push_str(example.trim());
    }
    text
}

/// A past call, in the form that [`described`] asks for.
pub(super) fn written_call(name: &str, arguments: &Value) -> String {
    let (name, arguments) = (spaced(&name.into()), spaced(arguments));
    format!("<tool_call>\n{{\"name\": {name}, \"arguments\": {arguments}}}\n</tool_call>")
}

/// The result of such a call.
pub(super) fn written_result(text: &str) -> String {
    format!("<tool_response>\n{text}\n</tool_response>")
}

/// JSON with spaces after `,` and `:`, as Python writes it and models know it.
pub(super) fn spaced(value: &Value) -> String {
    struct Spaced;
    impl Formatter for Spaced {
        fn begin_array_value<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
            if first { Ok(()) } else { out.write_all(b", ") }
        }

        fn begin_object_key<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
            if first { Ok(()) } else { out.write_all(b", ") }
        }

        fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
            CompactFormatter.begin_object_value(out)?;
            out.write_all(b" ")
        }
    }
    let mut json = Vec::new();
    // JSON values serialize, and writing to a Vec cannot fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut json, Spaced));
    String::from_utf8(json).unwrap_or_default()
}
