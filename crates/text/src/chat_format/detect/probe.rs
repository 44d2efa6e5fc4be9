//! Renders small conversations.

use serde_json::{Map, Value, json};

use crate::chat_format::tags;
use crate::{ChatContext, ChatTemplate, LocalTime};

/// Words that no template contains. None is part of another, the answer begins unlike the names, and keys are in alphabetical order, because
/// some templates sort them.
pub(super) const QUESTION: &str = "zqquestion";
pub(super) const ANSWER: &str = "xjanswer";
pub(super) const THOUGHT: &str = "zqthought";
pub(super) const RESULT: &str = "zqresult";
pub(super) const NAMES: [&str; 2] = ["zqfirst", "zqsecond"];
pub(super) const KEYS: [&str; 2] = ["zqalpha", "zqbeta"];
/// The value of the first key.
pub(super) const TEXT: &str = "zqtext";
/// The value of the second key.
pub(super) const NUMBER: i64 = 70717;
/// Ids that every template accepts: some want nine letters or digits.
pub(super) const IDS: [&str; 2] = ["zqid00001", "zqid00002"];

/// A template to render.
pub(super) struct Probe<'a> {
    pub(super) template: &'a ChatTemplate,
    now: LocalTime,
    /// Whether it takes content only as a list of parts.
    parts: bool,
}

/// What is set besides the messages.
#[derive(Clone, Copy, Default)]
pub(super) struct Setting {
    pub(super) tools: bool,
    pub(super) asks: bool,
    pub(super) thinks: Option<bool>,
}

impl<'a> Probe<'a> {
    pub(super) fn new(template: &'a ChatTemplate, now: LocalTime) -> Self {
        let mut probe = Self { template, now, parts: false };
        let shows = |probe: &Self| {
            let prompt = probe.render(&[probe.question()], Setting { asks: true, ..Setting::default() });
            prompt.is_some_and(|prompt| prompt.contains(QUESTION))
        };
        if !shows(&probe) {
            probe.parts = true;
            probe.parts = shows(&probe);
        }
        probe
    }

    pub(super) fn render(&self, messages: &[Value], setting: Setting) -> Option<String> {
        let mut context = ChatContext::new(messages, self.now);
        context.add_generation_prompt = setting.asks;
        if setting.tools {
            context.tools = Some(NAMES.iter().map(|name| tool(name)).collect());
        }
        if let Some(thinks) = setting.thinks {
            // The names that templates use.
            let names = ["enable_thinking", "thinking"];
            context.extra = names.iter().map(|name| ((*name).to_owned(), thinks.into())).collect();
        }
        self.template.render(&context).ok()
    }

    pub(super) fn question(&self) -> Value {
        json!({ "role": "user", "content": self.content(QUESTION) })
    }

    fn content(&self, text: &str) -> Value {
        if self.parts { json!([{ "type": "text", "text": text }]) } else { text.into() }
    }

    pub(super) fn answer(&self) -> Value {
        json!({ "role": "assistant", "content": self.content(ANSWER) })
    }

    /// An answer after reasoning, as Mistral's templates take it.
    pub(super) fn thought_and_answer_in_parts(&self) -> Value {
        json!({ "role": "assistant", "content": [
            { "type": "thinking", "thinking": THOUGHT }, { "type": "text", "text": ANSWER },
        ] })
    }

    /// The result of the first call.
    pub(super) fn result(&self, id: &str) -> Value {
        let content = self.content(RESULT);
        json!({ "role": "tool", "name": NAMES[0], "tool_call_id": id, "content": content })
    }

    pub(super) fn empty(&self) -> Value {
        if self.parts { json!([]) } else { "".into() }
    }

    /// Whether the prompt shows the tools.
    pub(super) fn describes_tools(&self) -> bool {
        let prompt = self.render(&[self.question()], Setting { tools: true, asks: true, thinks: None });
        prompt.is_some_and(|prompt| NAMES.iter().all(|name| prompt.contains(name)))
    }
}

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": {
        "name": name,
        "description": "Probe.",
        "parameters": {
            "type": "object",
            "properties": {
                KEYS[0]: { "type": "string", "description": "Probe." },
                KEYS[1]: { "type": "integer", "description": "Probe." },
            },
            "required": [KEYS[0]],
        },
    } })
}

/// Arguments for a call.
pub(super) fn arguments() -> Map<String, Value> {
    Map::from_iter([(KEYS[0].to_owned(), TEXT.into()), (KEYS[1].to_owned(), NUMBER.into())])
}

/// The length of what two texts have in common at the start, but no part of a tag of `a`.
pub(super) fn common_length(a: &str, b: &str) -> usize {
    let same = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    tags::floor(a, same.map_or(a.len().min(b.len()), |((at, _), _)| at))
}

/// The message with reasoning, which is given in all fields that templates read.
pub(super) fn with_thought(mut message: Value) -> Value {
    for field in ["reasoning_content", "reasoning", "thinking"] {
        message[field] = THOUGHT.into();
    }
    message
}
