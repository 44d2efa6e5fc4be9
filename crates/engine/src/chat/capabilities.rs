//! Detects a template's features with a few small conversations.

use linnet_text::{ChatTemplate, LocalTime};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::calls::{ArgumentsForm, CallsForm, SHORT, called};
use super::probe::{PROBE, count_of_probes, word, words};
use super::tools::ToolsForm;
use super::variables::Variables;
use crate::request::Role;

/// The detected features of a template.
#[derive(Clone, Debug, PartialEq)]
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
    /// Whether it shows the instructions in the last question, if that is the last message: not after the
    /// result of a call.
    pub(super) forgets_instructions: bool,
    /// The form of past tool calls.
    pub(super) calls: CallsForm,
    /// The form of tools.
    pub(super) tools: ToolsForm,
    /// Whether it shows documents.
    pub(super) documents: bool,
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

    pub(super) fn message(self, role: Role, text: &str) -> Value {
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
    pub(super) fn of(
        template: &ChatTemplate,
        source: &str,
        now: LocalTime,
        arguments: ArgumentsForm,
    ) -> Self {
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
                    Variables::new(now)
                        .render(template, &messages, true)
                        .is_ok_and(|prompt| words(&prompt).len() == 2)
                })
            })
        };
        let assistant = match assistant {
            Found::Shown(form) => form,
            Found::Lost | Found::Refused => other,
        };
        TemplateCapabilities {
            forgets_instructions: system.is_some_and(|form| {
                let before = [said(form, Role::System), asked.clone()];
                let messages = [&before[..], &called(assistant, SHORT, "f", json!({}))].concat();
                let prompt = Variables::new(now).render(template, &messages, true);
                prompt.is_ok_and(|prompt| count_of_probes(&prompt) == 0)
            }),
            calls: CallsForm::of(template, now, std::slice::from_ref(&asked), assistant, arguments),
            tools: ToolsForm::of(template, now, &asked, system),
            documents: shows_documents(template, now, &asked),
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
        match Variables::new(now).render(template, &conversation(form), true) {
            Ok(prompt) if count_of_probes(&prompt) >= form.probes() && !prompt.contains(PRINTED_PART) => {
                return Found::Shown(form);
            }
            Ok(_) => found = Found::Lost,
            Err(_) => {}
        }
    }
    found
}

/// Whether the text of a document appears in a prompt.
fn shows_documents(template: &ChatTemplate, now: LocalTime, asked: &Value) -> bool {
    let document = json!({ "doc_id": "0", "title": ".", "text": PROBE, "contents": PROBE, "content": PROBE });
    let variables = Variables { documents: Some(json!([document])), ..Variables::new(now) };
    let prompt = variables.render(template, &[asked], true);
    prompt.is_ok_and(|prompt| count_of_probes(&prompt) > 0)
}
