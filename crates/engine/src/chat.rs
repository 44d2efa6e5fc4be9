//! A model's chat template: what it was found to want, and prompts made with it.
//!
//! Templates differ in more than the text around the messages. Most take `content` as a string; some walk over it as typed parts and
//! print nothing of a string. So when a model is loaded a few small conversations are rendered, and what becomes of a word in them
//! tells how the template wants its messages.

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError, Tokenizer};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::request::{Content, Message, Role, ToolCall};

/// What is looked for in prompts. Templates trim, and some change case.
const PROBE: &str = "linnetprobe";
/// Put after a text that is to be continued, to find its end in the prompt. A noncharacter, which Unicode leaves to programs.
const END_MARK: char = '\u{FDD1}';
/// The marks around the reasoning in the answers of many models.
const THOUGHT: [&str; 2] = ["<think>", "</think>"];

/// A chat template that knows how it wants its messages.
#[derive(Debug)]
pub(crate) struct Chat {
    template: ChatTemplate,
    capabilities: TemplateCapabilities,
}

/// What a template was found to take.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TemplateCapabilities {
    /// How it takes what the person says; `None` if that appears in no prompt.
    user: Option<ContentForm>,
    assistant: ContentForm,
    /// `None` if it takes no system message: then its text is put before the person's first.
    system: Option<ContentForm>,
    /// Whether it knows the role `developer`, or must be told `system`.
    developer: bool,
}

/// How a template takes a message's `content`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ContentForm {
    /// One string.
    Text,
    /// `[{"type": "text", "text": ...}]`, with as many parts as there are.
    Parts,
    /// The same with one part: the template looks at the first alone.
    OnePart,
}

impl ContentForm {
    fn of(self, texts: &[String]) -> Value {
        match self {
            ContentForm::Text => texts.join("\n").into(),
            ContentForm::Parts => texts.iter().map(|text| json!({ "type": "text", "text": text })).collect(),
            ContentForm::OnePart => ContentForm::Parts.of(&[texts.join("\n")]),
        }
    }

    /// How often the probe is in a message that looks for this form.
    fn probes(self) -> usize {
        if self == ContentForm::Parts { 2 } else { 1 }
    }

    fn message(self, role: Role, text: &str) -> Value {
        json!({ "role": role.name(), "content": self.of(&[text.to_owned()]) })
    }
}

/// What became of the probe in one kind of message.
enum Found {
    /// It shows, if given in this form.
    Shown(ContentForm),
    /// The template renders without it.
    Lost,
    /// The template does not take such a conversation.
    Refused,
}

/// A message as it goes into a template.
struct Prepared {
    role: Role,
    /// The form in which the template takes it.
    form: ContentForm,
    /// The parts of its content, with their control tokens guarded.
    texts: Vec<String>,
    /// All fields but `role` and `content`.
    more: Map<String, Value>,
    /// Where it was in the request.
    index: usize,
}

impl Prepared {
    fn value(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("role".into(), self.role.name().into());
        fields.insert("content".into(), self.form.of(&self.texts));
        fields.extend(self.more.clone());
        fields.into()
    }
}

impl Chat {
    /// Compiles the template and finds out what it wants.
    ///
    /// # Errors
    /// [`TextError::Template`] where `source` is no template. One that loses what the person says is an error of [`Chat::prompt`]: the
    /// model is good for completions.
    pub(crate) fn new(source: &str, bos: &str, eos: &str, now: LocalTime) -> Result<Self, TextError> {
        let template = ChatTemplate::new(source, bos, eos)?;
        let capabilities = TemplateCapabilities::of(&template, source, now);
        Ok(Chat { template, capabilities })
    }

    /// Whether it can be used.
    pub(crate) fn is_usable(&self) -> bool {
        self.capabilities.user.is_some()
    }

    /// The prompt for an answer to `messages`, or for the rest of the assistant's message at their end. Control tokens that the messages
    /// spell are guarded.
    ///
    /// # Errors
    /// [`Error::Text`] where the template refuses the messages or fails, [`Error::TextLost`] where it leaves out what is said.
    pub(crate) fn prompt(
        &self,
        messages: &[Message],
        tokenizer: &Tokenizer,
        now: LocalTime,
    ) -> Result<String, Error> {
        let mut prepared = self.prepare(messages, tokenizer)?;
        let begun = messages.last().is_some_and(Message::is_begun_answer);
        let continued = prepared.pop_if(|_| begun);
        let values = prepared.iter().map(Prepared::value).collect();
        let prompt = match continued {
            Some(begun) => self.continuation(values, &begun, now)?,
            None => self.render(values, true, now)?,
        };
        let last_user = prepared.iter().rposition(|message| message.role == Role::User);
        let instructions = prepared.first().filter(|m| matches!(m.role, Role::System | Role::Developer));
        for at in last_user.into_iter().chain(instructions.map(|_| 0)) {
            self.require_shown(&prompt, &prepared, at, now)?;
        }
        Ok(prompt)
    }

    /// The messages as the template wants them.
    fn prepare(&self, messages: &[Message], tokenizer: &Tokenizer) -> Result<Vec<Prepared>, Error> {
        let Some(user) = self.capabilities.user else {
            let first = messages.iter().position(|message| message.role == Role::User).unwrap_or(0);
            return Err(lost(Role::User, first));
        };
        let mut prepared: Vec<Prepared> = Vec::with_capacity(messages.len());
        let mut instructions: Vec<String> = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            let role = match message.role {
                Role::Developer if !self.capabilities.developer => Role::System,
                role => role,
            };
            let form = match role {
                Role::System | Role::Developer => self.capabilities.system,
                Role::Assistant => Some(self.capabilities.assistant),
                Role::User | Role::Tool => Some(user),
            };
            let mut texts = match &message.content {
                Some(Content::Text(text)) => vec![tokenizer.guard(text)],
                Some(Content::Parts(parts)) => parts.iter().map(|part| tokenizer.guard(part)).collect(),
                None => vec![String::new()],
            };
            let Some(form) = form else {
                instructions.append(&mut texts);
                continue;
            };
            if role == Role::User && !instructions.is_empty() {
                instructions.append(&mut texts);
                texts = vec![std::mem::take(&mut instructions).join("\n")];
            }
            prepared.push(Prepared { role, form, texts, more: more(message, tokenizer), index });
        }
        if !instructions.is_empty() {
            let texts = vec![instructions.join("\n")];
            let index = messages.len() - 1;
            // An answer that is to be continued remains the last message.
            let begun = messages.last().is_some_and(Message::is_begun_answer);
            let at = prepared.len() - usize::from(begun);
            prepared.insert(at, Prepared { role: Role::User, form: user, texts, more: Map::new(), index });
        }
        Ok(prepared)
    }

    /// The prompt that ends with the text of `begun`, so that the answer is what follows.
    ///
    /// The template says what comes before the text: that may be more than the beginning of a turn, such as an empty thought. But a text
    /// that has marks of thoughts in it is what a model wrote after the generation prompt, and goes there again: templates take such
    /// thoughts out, or add their own.
    fn continuation(
        &self,
        mut before: Vec<Value>,
        begun: &Prepared,
        now: LocalTime,
    ) -> Result<String, Error> {
        let text = begun.texts.join("\n");
        let said = text.trim_end();
        if !said.is_empty() && !THOUGHT.iter().any(|mark| said.contains(mark)) {
            let mut message = begun.value();
            message["content"] = begun.form.of(&[format!("{said}{END_MARK}")]);
            before.push(message);
            let rendered = self.render(before.clone(), false, now);
            before.pop();
            if let Ok(mut prompt) = rendered
                && let Some(end) = prompt.rfind(END_MARK)
                && prompt[..end].ends_with(said.trim_start())
            {
                prompt.truncate(end);
                // Templates trim it; here it is the beginning of what comes next.
                prompt.push_str(&text[said.len()..]);
                return Ok(prompt);
            }
        }
        let mut prompt = self.render(before, true, now)?;
        let [open, _] = THOUGHT;
        match text.trim_start().strip_prefix(open) {
            // The thought is open already.
            Some(rest) if prompt.trim_end().ends_with(open) => {
                let rest = if prompt.ends_with('\n') { rest.trim_start_matches('\n') } else { rest };
                prompt.push_str(rest);
            }
            _ => prompt.push_str(&text),
        }
        Ok(prompt)
    }

    /// Makes sure that the text of the message at `at` is in the prompt.
    fn require_shown(
        &self,
        prompt: &str,
        messages: &[Prepared],
        at: usize,
        now: LocalTime,
    ) -> Result<(), Error> {
        let message = &messages[at];
        // Each after the one before it, so that the prompt is read once however many there are.
        let mut rest = prompt;
        let in_order = message.texts.iter().all(|text| match rest.split_once(text.trim()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        });
        if in_order {
            return Ok(());
        }
        // A template may change a text, for instance take switches like `/no_think` out of it. Then a word in its place tells.
        let mut values: Vec<Value> = messages.iter().map(Prepared::value).collect();
        let said = vec![PROBE.to_owned(); message.texts.len()];
        values[at]["content"] = message.form.of(&said);
        match self.render(values, true, now) {
            Ok(prompt) if count_of_probes(&prompt) < said.len() => Err(lost(message.role, message.index)),
            _ => Ok(()),
        }
    }

    fn render(
        &self,
        messages: Vec<Value>,
        add_generation_prompt: bool,
        now: LocalTime,
    ) -> Result<String, TextError> {
        render(&self.template, messages, add_generation_prompt, now)
    }
}

impl TemplateCapabilities {
    fn of(template: &ChatTemplate, source: &str, now: LocalTime) -> Self {
        use ContentForm::Text;
        let probe = |conversation: &dyn Fn(ContentForm) -> Vec<Value>| find(template, now, conversation);
        let said = |form: ContentForm, role: Role| {
            let content = form.of(&vec![PROBE.to_owned(); form.probes()]);
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
            // It says itself why it refuses a request.
            Found::Refused => Some(Text),
        };
        let other = user.unwrap_or(Text);
        let asked = other.message(Role::User, ".");
        let assistant = probe(&|form| vec![asked.clone(), said(form, Role::Assistant), asked.clone()]);
        let system = probe(&|form| vec![said(form, Role::System), asked.clone()]);
        // Most templates write any role down; one that knows this role has its name, too.
        let developer = probe(&|form| vec![said(form, Role::Developer), asked.clone()]);
        TemplateCapabilities {
            user,
            assistant: match assistant {
                Found::Shown(form) => form,
                Found::Lost | Found::Refused => other,
            },
            system: match system {
                Found::Shown(form) => Some(form),
                Found::Lost | Found::Refused => None,
            },
            developer: source.contains("developer") && matches!(developer, Found::Shown(_)),
        }
    }
}

/// In which form `content` must be given for the probe to show. A string is tried first: what takes both means it as the simple case.
fn find(template: &ChatTemplate, now: LocalTime, conversation: &dyn Fn(ContentForm) -> Vec<Value>) -> Found {
    let mut found = Found::Refused;
    for form in [ContentForm::Text, ContentForm::Parts, ContentForm::OnePart] {
        match render(template, conversation(form), true, now) {
            Ok(prompt) if count_of_probes(&prompt) >= form.probes() => return Found::Shown(form),
            Ok(_) => found = Found::Lost,
            Err(_) => {}
        }
    }
    found
}

fn count_of_probes(prompt: &str) -> usize {
    prompt.to_ascii_lowercase().matches(PROBE).count()
}

fn render(
    template: &ChatTemplate,
    messages: Vec<Value>,
    add_generation_prompt: bool,
    now: LocalTime,
) -> Result<String, TextError> {
    template.render(&ChatContext { add_generation_prompt, ..ChatContext::new(messages.into(), now) })
}

fn lost(role: Role, index: usize) -> Error {
    Error::TextLost { role, field: format!("messages[{index}].content") }
}

/// What a message has beside its role and content.
fn more(message: &Message, tokenizer: &Tokenizer) -> Map<String, Value> {
    let mut more = Map::new();
    let texts = [
        ("name", &message.name),
        ("reasoning_content", &message.reasoning_content),
        ("tool_call_id", &message.tool_call_id),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            more.insert(field.to_owned(), tokenizer.guard(text).into());
        }
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|ToolCall { id, name, arguments }| {
            let function = json!({ "name": name, "arguments": arguments });
            guarded(json!({ "id": id, "type": "function", "function": function }), tokenizer)
        });
        more.insert("tool_calls".to_owned(), calls.collect());
    }
    more
}

/// `value` with the control tokens guarded that its strings spell.
fn guarded(value: Value, tokenizer: &Tokenizer) -> Value {
    match value {
        Value::String(text) => tokenizer.guard(&text).into(),
        Value::Array(items) => items.into_iter().map(|item| guarded(item, tokenizer)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields.map(|(name, value)| (tokenizer.guard(&name), guarded(value, tokenizer))).collect()
        }
        other => other,
    }
}
