//! Detects a template's features with a few small conversations.

use linnet_text::{ChatTemplate, LocalTime};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::probe::{PROBE, count_of_probes, word, words};
use super::render;
use crate::request::Role;

/// The detected features of a template.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TemplateCapabilities {
    /// The form of the user's content; `None` if no form appears in the prompt.
    pub(super) user: Option<ContentForm>,
    pub(super) assistant: ContentForm,
    /// `None` if it takes no system message: its text is then put before the first user message.
    pub(super) system: Option<ContentForm>,
    /// Whether it knows the role `developer`; otherwise `system` is used.
    pub(super) developer: bool,
    /// Whether it shows a second instruction message right after the first.
    pub(super) second_instructions: bool,
    /// Whether it shows instructions later in a conversation.
    pub(super) later_instructions: bool,
    /// The form of the arguments of a past tool call.
    pub(super) arguments: ArgumentsForm,
}

/// The form of a message's `content`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ContentForm {
    /// A string.
    Text,
    /// `[{"type": "text", "text": ...}]`, with any number of parts.
    Parts,
    /// The same with a single part: the template only reads the first.
    OnePart,
}

impl ContentForm {
    /// `content` with these texts.
    pub(super) fn of<T: AsRef<str>>(self, texts: &[T]) -> Shaped<'_, T> {
        Shaped { form: self, texts }
    }

    /// How often the probe is in a message that tests for this form.
    fn probes(self) -> usize {
        if self == ContentForm::Parts { 2 } else { 1 }
    }

    fn message(self, role: Role, text: &str) -> Value {
        json!({ "role": role.name(), "content": self.of(&[text]) })
    }
}

/// Texts in a form; a single text is not copied.
pub(super) struct Shaped<'a, T> {
    form: ContentForm,
    texts: &'a [T],
}

impl<T: AsRef<str>> Serialize for Shaped<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Part<'a> {
            r#type: &'static str,
            text: &'a str,
        }
        let part = |text| Part { r#type: "text", text };
        let joined;
        let one = match self.texts {
            [text] => text.as_ref(),
            texts => {
                joined = texts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("\n");
                &joined
            }
        };
        match self.form {
            ContentForm::Text => serializer.serialize_str(one),
            ContentForm::OnePart => serializer.collect_seq([part(one)]),
            ContentForm::Parts => serializer.collect_seq(self.texts.iter().map(|text| part(text.as_ref()))),
        }
    }
}

/// How a template takes the arguments of a tool call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ArgumentsForm {
    /// A map: the template iterates over it, or writes it as JSON itself.
    Object,
    /// A string of JSON, which the template puts into the prompt unchanged.
    Text,
}

impl ArgumentsForm {
    /// The form in which the probe appears, preferably as JSON: printing a map directly would show Python's
    /// quotes.
    fn of(template: &ChatTemplate, now: LocalTime, before: &[Value], content: ContentForm) -> Self {
        let renders = |arguments: Value, has_result: bool| {
            // Some templates require ids of nine letters and digits.
            let function = json!({ "name": "f", "arguments": arguments });
            let call = json!({ "id": "linnet123", "type": "function", "function": function });
            let mut message = content.message(Role::Assistant, "");
            message["tool_calls"] = json!([call]);
            let mut messages = [before, &[message]].concat();
            if has_result {
                let mut result = content.message(Role::Tool, ".");
                result["tool_call_id"] = "linnet123".into();
                result["name"] = "f".into();
                messages.push(result);
            }
            render(template, &messages, true, now).ok().filter(|prompt| count_of_probes(prompt) > 0)
        };
        let object = json!({ PROBE: "." });
        for has_result in [true, false] {
            let as_object = renders(object.clone(), has_result);
            let as_text = renders(object.to_string().into(), has_result);
            let is_json = |prompt: &String| prompt.contains(&format!("\"{PROBE}\":"));
            match (as_object, as_text) {
                (None, Some(_)) => return ArgumentsForm::Text,
                (Some(object), Some(text)) if object.contains(&format!("'{PROBE}':")) && is_json(&text) => {
                    return ArgumentsForm::Text;
                }
                (Some(_), _) => return ArgumentsForm::Object,
                (None, None) => {}
            }
        }
        ArgumentsForm::Object
    }

    pub(super) fn form(self, arguments: &Value) -> Value {
        match (self, arguments) {
            (ArgumentsForm::Object, Value::String(json)) => match serde_json::from_str(json) {
                Ok(object @ Value::Object(_)) => object,
                // Anything but an object stays as the model wrote it.
                _ => arguments.clone(),
            },
            (ArgumentsForm::Text, Value::Object(_)) => arguments.to_string().into(),
            _ => arguments.clone(),
        }
    }
}

/// What happened to the probe in one kind of message.
enum Found {
    /// It appears, if given in this form.
    Shown(ContentForm),
    /// The template renders without it.
    Lost,
    /// The template rejects such a conversation.
    Refused,
}

impl TemplateCapabilities {
    pub(super) fn of(template: &ChatTemplate, source: &str, now: LocalTime) -> Self {
        use ContentForm::Text;
        let probe = |conversation: &dyn Fn(ContentForm) -> Vec<Value>| find(template, now, conversation);
        let said = |form: ContentForm, role: Role| {
            let content = form.of(&[PROBE, PROBE][..form.probes()]);
            json!({ "role": role.name(), "content": content })
        };
        let alone = probe(&|form| vec![said(form, Role::User)]);
        let user = match alone {
            Found::Refused => probe(&|form| vec![form.message(Role::System, "."), said(form, Role::User)]),
            found => found,
        };
        let user = match user {
            Found::Shown(form) => Some(form),
            Found::Lost => None,
            // Its own error explains why it rejects a request.
            Found::Refused => Some(Text),
        };
        let other = user.unwrap_or(Text);
        let asked = other.message(Role::User, ".");
        let assistant = probe(&|form| vec![asked.clone(), said(form, Role::Assistant), asked.clone()]);
        let system = probe(&|form| vec![said(form, Role::System), asked.clone()]);
        // Most templates print any role; one that knows this role contains its name, too.
        let developer = probe(&|form| vec![said(form, Role::Developer), asked.clone()]);
        let developer = source.contains("developer") && matches!(developer, Found::Shown(_));
        let system = match system {
            Found::Shown(form) => Some(form),
            Found::Lost | Found::Refused => None,
        };
        let roles = if developer { &[Role::System, Role::Developer][..] } else { &[Role::System] };
        // Both must appear: some templates keep the first, others the last.
        let shows_both = |between: &[Value]| {
            system.is_some_and(|form| {
                roles.iter().all(|role| {
                    let mut messages = vec![form.message(Role::System, &word(0))];
                    messages.extend_from_slice(between);
                    messages.extend([form.message(*role, &word(1)), asked.clone()]);
                    render(template, &messages, true, now).is_ok_and(|prompt| words(&prompt).len() == 2)
                })
            })
        };
        let assistant = match assistant {
            Found::Shown(form) => form,
            Found::Lost | Found::Refused => other,
        };
        TemplateCapabilities {
            arguments: ArgumentsForm::of(template, now, std::slice::from_ref(&asked), assistant),
            second_instructions: shows_both(&[]),
            later_instructions: shows_both(&[asked.clone(), other.message(Role::Assistant, ".")]),
            user,
            assistant,
            system,
            developer,
        }
    }
}

/// A part as Python prints it: the template takes the list for a string.
const PRINTED_PART: &str = "'text': 'linnetprobe";

/// The form of `content` with which the probe appears. A string is tried first: templates that take both
/// prefer it.
fn find(template: &ChatTemplate, now: LocalTime, conversation: &dyn Fn(ContentForm) -> Vec<Value>) -> Found {
    let mut found = Found::Refused;
    for form in [ContentForm::Text, ContentForm::Parts, ContentForm::OnePart] {
        match render(template, &conversation(form), true, now) {
            Ok(prompt) if count_of_probes(&prompt) >= form.probes() && !prompt.contains(PRINTED_PART) => {
                return Found::Shown(form);
            }
            Ok(_) => found = Found::Lost,
            Err(_) => {}
        }
    }
    found
}
