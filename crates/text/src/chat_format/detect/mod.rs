//! Finds a model's format from its chat template.
//!
//! Small conversations with words that no template contains are rendered, and what the template writes around
//! these words shows the format. Only what no template writes is found in its source: the channels of harmony,
//! and a few formats of calls that their templates neither describe nor repeat.

mod calls;
mod reasoning;
mod shapes;

use serde_json::{Map, Value, json};

use super::{CallFormat, CallKind, ChatFormat, IdStyle, Marks, ReasoningFormat, tags};
use crate::{ChatContext, ChatTemplate, LocalTime};

impl ChatFormat {
    /// Finds the format of a model by rendering its chat template; `source` is the template's text. A template
    /// that fails or shows nothing gets the [generic](Self::generic) format.
    #[must_use]
    pub fn detect(template: &ChatTemplate, source: &str, now: LocalTime) -> Self {
        if source.contains("<|channel|>") && source.contains("<|message|>") {
            return harmony();
        }
        let probe = Probe::new(template, now);
        let (reasoning, answer) = reasoning::detect(&probe, source);
        let found = calls::detect(&probe, reasoning.as_ref());
        let mut dropped = Vec::new();
        let calls = match found {
            Some(found) => {
                dropped.extend(found.hand_over);
                found.format
            }
            None if probe.describes_tools() => calls::described(&probe, reasoning.as_ref()),
            None => CallFormat::generic(),
        };
        let mut format = Self { reasoning, answer, calls, ids: calls::id_style(&probe), dropped };
        // Built-in tools of Llama 3 begin with this mark, and so do calls of some fine-tunes.
        let calls = &mut format.calls;
        let bare = calls.section.open.is_empty() && calls.call.open.is_empty();
        if bare && matches!(calls.kind, CallKind::Json(_)) && source.contains("ipython") {
            calls.other_opens.push("<|python_tag|>".into());
        }
        format
    }
}

/// OpenAI's harmony, which its template writes in full only for some turns.
fn harmony() -> ChatFormat {
    ChatFormat {
        reasoning: Some(ReasoningFormat {
            marks: Marks::new("<|channel|>analysis<|message|>", "<|end|>"),
            prompt_opens: false,
            anywhere: true,
        }),
        answer: None,
        calls: CallFormat::of(CallKind::Harmony, Marks::default(), Marks::default()),
        ids: IdStyle::Any,
        dropped: Vec::new(),
    }
}

/// Words that no template contains. None is part of another, the answer begins unlike the names, and keys are
/// in alphabetical order, because some templates sort them.
const QUESTION: &str = "zqquestion";
const ANSWER: &str = "xjanswer";
const THOUGHT: &str = "zqthought";
const RESULT: &str = "zqresult";
const NAMES: [&str; 2] = ["zqfirst", "zqsecond"];
const KEYS: [&str; 2] = ["zqalpha", "zqbeta"];
/// The value of the first key.
const TEXT: &str = "zqtext";
/// The value of the second key.
const NUMBER: i64 = 70717;
/// Ids that every template accepts: some want nine letters or digits.
const IDS: [&str; 2] = ["zqid00001", "zqid00002"];

/// A template to render.
struct Probe<'a> {
    template: &'a ChatTemplate,
    now: LocalTime,
    /// Whether it takes content only as a list of parts.
    parts: bool,
    /// Whether a conversation must begin with instructions.
    instructs: bool,
}

/// What is set besides the messages.
#[derive(Clone, Copy, Default)]
struct Setting {
    tools: bool,
    asks: bool,
    thinks: Option<bool>,
    /// Whether instructions come first.
    instructs: bool,
}

impl<'a> Probe<'a> {
    fn new(template: &'a ChatTemplate, now: LocalTime) -> Self {
        let of = |parts, instructs| Self { template, now, parts, instructs };
        let shows = |probe: &Self| {
            let prompt = probe.render(&[probe.question()], Setting { asks: true, ..Setting::default() });
            prompt.is_some_and(|prompt| prompt.contains(QUESTION))
        };
        let probes = [of(false, false), of(true, false), of(false, true), of(true, true)];
        probes.into_iter().find(shows).unwrap_or_else(|| of(false, false))
    }

    fn render(&self, messages: &[Value], setting: Setting) -> Option<String> {
        let mut conversation = Vec::with_capacity(messages.len() + 1);
        if self.instructs || setting.instructs {
            conversation.push(json!({ "role": "system", "content": self.content("Be brief.") }));
        }
        conversation.extend_from_slice(messages);
        let mut context = ChatContext::new(conversation, self.now);
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

    fn question(&self) -> Value {
        json!({ "role": "user", "content": self.content(QUESTION) })
    }

    fn content(&self, text: &str) -> Value {
        if self.parts { json!([{ "type": "text", "text": text }]) } else { text.into() }
    }

    fn answer(&self) -> Value {
        json!({ "role": "assistant", "content": self.content(ANSWER) })
    }

    /// An answer after reasoning, as Mistral's templates take it.
    fn thought_and_answer_in_parts(&self) -> Value {
        json!({ "role": "assistant", "content": [
            { "type": "thinking", "thinking": THOUGHT }, { "type": "text", "text": ANSWER },
        ] })
    }

    /// The result of the first call.
    fn result(&self, id: &str) -> Value {
        let content = self.content(RESULT);
        json!({ "role": "tool", "name": NAMES[0], "tool_call_id": id, "content": content })
    }

    fn empty(&self) -> Value {
        if self.parts { json!([]) } else { "".into() }
    }

    /// Whether the template shows the tools; some do so only after instructions.
    fn describes_tools(&self) -> bool {
        [false, true].iter().any(|instructs| {
            let setting = Setting { tools: true, asks: true, instructs: *instructs, ..Setting::default() };
            let prompt = self.render(&[self.question()], setting);
            prompt.is_some_and(|prompt| NAMES.iter().all(|name| prompt.contains(name)))
        })
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
fn arguments() -> Map<String, Value> {
    Map::from_iter([(KEYS[0].to_owned(), TEXT.into()), (KEYS[1].to_owned(), NUMBER.into())])
}

/// The length of what two texts have in common at the start, but no part of a tag of `a`.
fn common_length(a: &str, b: &str) -> usize {
    let same = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    tags::floor(a, same.map_or(a.len().min(b.len()), |((at, _), _)| at))
}

/// The message with reasoning, which is given in all fields that templates read.
fn with_thought(mut message: Value) -> Value {
    for field in ["reasoning_content", "reasoning", "thinking"] {
        message[field] = THOUGHT.into();
    }
    message
}
