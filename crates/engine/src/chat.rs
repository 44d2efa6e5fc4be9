//! A model's chat template: what it was found to want, and prompts made with it.
//!
//! Templates differ in more than the text around the messages. Most take `content` as a string; some walk over it as typed parts and
//! print nothing of a string. So when a model is loaded a few small conversations are rendered, and what becomes of a word in them
//! tells how the template wants its messages.

mod capabilities;
mod probe;

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError, Tokenizer};
use serde_json::{Map, Value, json};

use capabilities::{ContentForm, TemplateCapabilities};
use probe::{word, words};

use crate::Error;
use crate::request::{Content, Message, Role, ToolCall};

/// Put after a text that the answer continues, to find its end in the prompt. A noncharacter, which Unicode leaves to programs.
const END_MARK: char = '\u{FDD1}';
/// The marks around the reasoning in the answers of many models.
const THOUGHT: [&str; 2] = ["<think>", "</think>"];

/// What templates cut pieces out of texts with.
const CUTTING: [&str; 7] = ["replace", "split", "partition", "striptags", "[:", ":]", ":-"];

/// What keeps a text from spelling control tokens.
type Guard<'a> = &'a dyn Fn(&str) -> String;

/// A chat template that knows how it wants its messages.
#[derive(Debug)]
pub(crate) struct Chat {
    template: ChatTemplate,
    capabilities: TemplateCapabilities,
    /// Whether it may cut pieces out of texts.
    cuts: bool,
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
    /// Whether an answer without it would answer something else: what the person said last, the results of tools since then, and
    /// all instructions.
    must_show: bool,
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
        let cuts = CUTTING.iter().any(|word| source.contains(word));
        Ok(Chat { template, capabilities, cuts })
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
        let prepared = self.prepare(messages, &|text| tokenizer.guard(text))?;
        let begun = messages.last().is_some_and(Message::is_begun_answer);
        let prompt = self.prompt_of(&prepared, begun, now)?;
        if self.cuts {
            // What is left of a text may spell a control token that the text does not.
            let strict = self.prepare(messages, &|text| tokenizer.guard_strictly(text))?;
            if !strict.iter().map(Prepared::value).eq(prepared.iter().map(Prepared::value))
                && let Ok(strict) = self.prompt_of(&strict, begun, now)
                && tokenizer.count_controls(&strict) < tokenizer.count_controls(&prompt)
            {
                return Ok(strict);
            }
        }
        Ok(prompt)
    }

    fn prompt_of(&self, prepared: &[Prepared], begun: bool, now: LocalTime) -> Result<String, Error> {
        let (before, begun) = match prepared.split_last() {
            Some((last, before)) if begun => (before, Some(last)),
            _ => (prepared, None),
        };
        if let Some(prompt) = begun.and_then(|begun| self.continued_in_place(before, begun, now)) {
            return Ok(prompt);
        }
        let render = |values| self.render(values, true, now);
        let mut prompt = render(before.iter().map(Prepared::value).collect())?;
        if let Some(message) = first_lost(&prompt, before, render) {
            return Err(lost(message.role, message.index));
        }
        if let Some(begun) = begun {
            continue_after(&mut prompt, &begun.texts.join("\n"));
        }
        Ok(prompt)
    }

    /// The messages as the template wants them.
    fn prepare(&self, messages: &[Message], guard: Guard<'_>) -> Result<Vec<Prepared>, Error> {
        let Some(user) = self.capabilities.user else {
            let first = messages.iter().position(|message| message.role == Role::User).unwrap_or(0);
            return Err(lost(Role::User, first));
        };
        let mut prepared: Vec<Prepared> = Vec::with_capacity(messages.len());
        let mut instructions: Vec<String> = Vec::new();
        // Whether there have been only instructions.
        let mut begins = true;
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
                Some(Content::Text(text)) => vec![guard(text)],
                Some(Content::Parts(parts)) => parts.iter().map(|part| guard(part)).collect(),
                None => vec![String::new()],
            };
            let instructs = matches!(role, Role::System | Role::Developer);
            begins &= instructs;
            let form = form.filter(|_| !instructs || begins || self.capabilities.later_instructions);
            let Some(form) = form else {
                instructions.append(&mut texts);
                continue;
            };
            if instructs
                && begins
                && !self.capabilities.second_instructions
                && let Some(first) = prepared.first_mut()
            {
                first.texts.append(&mut texts);
                continue;
            }
            let mut must_show = instructs;
            if role == Role::User && !instructions.is_empty() {
                instructions.append(&mut texts);
                texts = vec![std::mem::take(&mut instructions).join("\n")];
                must_show = true;
            }
            prepared.push(Prepared { role, form, texts, more: more(message, guard), index, must_show });
        }
        if !instructions.is_empty() {
            // An answer that is being continued remains the last message.
            let begun = messages.last().is_some_and(Message::is_begun_answer);
            let at = prepared.len() - usize::from(begun);
            match prepared[..at].last_mut() {
                // Many templates take no two messages of the person in a row.
                Some(last) if last.role == Role::User => last.texts.append(&mut instructions),
                _ => {
                    let texts = vec![instructions.join("\n")];
                    let (role, index) = (Role::User, messages.len() - 1);
                    let message =
                        Prepared { role, form: user, texts, more: Map::new(), index, must_show: true };
                    prepared.insert(at, message);
                }
            }
        }
        let last_user = prepared.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
        for message in &mut prepared[last_user..] {
            message.must_show |= matches!(message.role, Role::User | Role::Tool);
        }
        Ok(prepared)
    }

    /// The prompt that ends with the text of `begun`, as the template writes answers: what comes before the text may be more than the
    /// beginning of a turn, such as an empty thought. `None` where that cannot be had: then the text goes after the generation prompt.
    ///
    /// That is where a text with marks of thoughts in it goes, too, for it is what a model wrote there: templates take such thoughts
    /// out, or add their own.
    fn continued_in_place(&self, before: &[Prepared], begun: &Prepared, now: LocalTime) -> Option<String> {
        let text = begun.texts.join("\n");
        let said = text.trim_end();
        if said.is_empty() || THOUGHT.iter().any(|mark| said.contains(mark)) {
            return None;
        }
        let mut message = begun.value();
        message["content"] = begun.form.of(&[format!("{said}{END_MARK}")]);
        let render = |mut values: Vec<Value>| {
            values.push(message.clone());
            self.render(values, false, now)
        };
        let mut prompt = render(before.iter().map(Prepared::value).collect()).ok()?;
        let end = prompt.rfind(END_MARK)?;
        if !prompt[..end].ends_with(said.trim_start()) {
            return None;
        }
        prompt.truncate(end);
        // Some templates write the instructions beside the last message only, if that is the person's.
        if first_lost(&prompt, before, render).is_some() {
            return None;
        }
        // Templates trim it; here it is the beginning of what comes next.
        prompt.push_str(&text[said.len()..]);
        Some(prompt)
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

fn render(
    template: &ChatTemplate,
    messages: Vec<Value>,
    add_generation_prompt: bool,
    now: LocalTime,
) -> Result<String, TextError> {
    template.render(&ChatContext { add_generation_prompt, ..ChatContext::new(messages, now) })
}

/// Puts the text of a begun answer after the generation prompt.
fn continue_after(prompt: &mut String, text: &str) {
    let [open, _] = THOUGHT;
    match text.trim_start().strip_prefix(open) {
        // The thought is open already.
        Some(rest) if prompt.trim_end().ends_with(open) => {
            let rest = if prompt.ends_with('\n') { rest.trim_start_matches('\n') } else { rest };
            prompt.push_str(rest);
        }
        _ => prompt.push_str(text),
    }
}

/// The first of `messages` that must show and does not, in the prompt that `render` made of them.
fn first_lost<'a>(
    prompt: &str,
    messages: &'a [Prepared],
    render: impl FnOnce(Vec<Value>) -> Result<String, TextError>,
) -> Option<&'a Prepared> {
    // Each after the one before it, so that the prompt is read once however many there are, and one is not found in another.
    let mut rest = prompt;
    let mut texts = messages.iter().flat_map(|message| &message.texts);
    let in_order = texts.all(|text| match rest.split_once(text.trim()) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    });
    if in_order {
        return None;
    }
    // A template may change a text, for instance take switches like `/no_think` out of it, or write them in another order. Then
    // words in their places tell.
    let mut owners = Vec::new();
    let values = messages.iter().map(|message| {
        let mut value = message.value();
        if message.must_show {
            let mut texts = message.texts.clone();
            for text in texts.iter_mut().filter(|text| !text.trim().is_empty()) {
                *text = word(owners.len());
                owners.push(message);
            }
            value["content"] = message.form.of(&texts);
        }
        value
    });
    // Where it refuses the words it has said nothing about the texts.
    let shown = words(&render(values.collect()).ok()?);
    owners.iter().enumerate().find(|(number, _)| !shown.contains(number)).map(|(_, message)| *message)
}

fn lost(role: Role, index: usize) -> Error {
    Error::TextLost { role, field: format!("messages[{index}].content") }
}

/// What a message has beside its role and content.
fn more(message: &Message, guard: Guard<'_>) -> Map<String, Value> {
    let mut more = Map::new();
    let texts = [
        ("name", &message.name),
        ("reasoning_content", &message.reasoning_content),
        ("tool_call_id", &message.tool_call_id),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            more.insert(field.to_owned(), guard(text).into());
        }
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|ToolCall { id, name, arguments }| {
            let function = json!({ "name": name, "arguments": arguments });
            guarded(json!({ "id": id, "type": "function", "function": function }), guard)
        });
        more.insert("tool_calls".to_owned(), calls.collect());
    }
    more
}

/// `value` with the control tokens guarded that its strings spell.
fn guarded(value: Value, guard: Guard<'_>) -> Value {
    match value {
        Value::String(text) => guard(&text).into(),
        Value::Array(items) => items.into_iter().map(|item| guarded(item, guard)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields.map(|(name, value)| (guard(&name), guarded(value, guard))).collect()
        }
        other => other,
    }
}
