//! How a model marks its reasoning and its tool calls, and the parser that takes its output apart.
//!
//! [`ChatFormat::detect`] finds a model's format from its chat template. [`ChatParser`] reads the model's
//! output in this format, in pieces of any size.
//!
//! # Malformed calls
//! - Text that starts like a call, but gives no name of a function, is content. It is not searched again.
//! - Without an opening mark, or with one that is an ordinary word, a call must name one of the request's
//!   tools.
//! - Once the name is known, the text is a call. If its arguments are not what the format says, the rest of
//!   the text up to the closing mark belongs to the arguments, unchanged, and the call ends as invalid.
//! - Missing arguments are `{}`. Arguments in a JSON string are the text of that string. Raw control
//!   characters in a JSON string are escaped. The order of keys does not matter.
//! - Missing closing marks are ignored once the arguments are complete.
//! - If the length limit cuts a mark or the name of a call, that text is dropped; if the model stops there,
//!   it is content. A call whose arguments are cut keeps what there is, and ends as invalid.

mod detect;
mod parser;
mod tags;

pub use parser::{ChatEnd, ChatEvent, ChatParser};

/// The marks of a model's output.
///
/// All texts are as the template writes them, including white space. The parser accepts other white space
/// between them.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatFormat {
    /// The marks around reasoning; `None` if the model does not reason.
    pub reasoning: Option<ReasoningFormat>,
    /// Marks that some models write around the answer, for example `<response>` and `</response>`.
    pub answer: Option<Marks>,
    /// The format of tool calls.
    pub calls: CallFormat,
    /// The ids that the template accepts.
    pub ids: IdStyle,
    /// Marks that never belong to the text, for example those that hand over to a tool.
    pub dropped: Vec<String>,
}

/// An opening and a closing text; each may be empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    /// The opening text.
    pub open: String,
    /// The closing text.
    pub close: String,
}

/// How a model marks its reasoning.
#[derive(Clone, Debug, PartialEq)]
pub struct ReasoningFormat {
    /// The marks, without the white space around them.
    pub marks: Marks,
    /// Whether the generation prompt opens the reasoning if thinking is on.
    pub prompt_opens: bool,
    /// Whether it may begin after the answer has begun. If not, a mark there is text.
    pub anywhere: bool,
}

/// How a model marks its tool calls: `section.open (call.open CALL call.close)+ section.close`.
#[derive(Clone, Debug, PartialEq)]
pub struct CallFormat {
    /// The marks around all calls of a turn.
    pub section: Marks,
    /// The marks around each call.
    pub call: Marks,
    /// What is between them.
    pub kind: CallKind,
    /// Other texts that may open a call.
    pub other_opens: Vec<String>,
}

/// What is between the marks of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallKind {
    /// A JSON object with name and arguments, or an array of such objects.
    Json(JsonKeys),
    /// A head with the name, then the arguments as one object.
    Named {
        /// The fields before the arguments.
        head: Vec<HeadField>,
        /// How the object is written.
        dialect: Dialect,
    },
    /// A head with the name, then each argument between tags.
    Tagged {
        /// The fields before the arguments.
        head: Vec<HeadField>,
        /// The tags of an argument.
        arguments: TaggedArguments,
    },
    /// Python calls: `[name(key="value", ...), ...]`; the brackets may be missing.
    Pythonic,
    /// OpenAI's harmony: channels for reasoning, calls and answer.
    Harmony,
}

/// The keys of a call in JSON. The parser accepts the usual keys, too.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonKeys {
    /// The text from the start of the JSON to the name, for example `{"name": "`.
    pub start: String,
    /// The key of the name; empty if the name itself is the key of the arguments.
    pub name: String,
    /// The key of the arguments.
    pub arguments: String,
    /// The key of the id.
    pub id: Option<String>,
    /// How strings are written.
    pub dialect: Dialect,
}

/// A field before the arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadField {
    /// What the field is.
    pub kind: FieldKind,
    /// The text after it. If it is empty or white space, the field ends at white space, or where arguments or
    /// a tag begin.
    pub end: String,
}

/// A kind of field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// The name of the function.
    Name,
    /// The id of the call.
    Id,
    /// An id that contains the name: `functions.NAME:INDEX`.
    NameInId,
    /// Something else, for example the index of the call.
    Other,
}

/// How objects and their strings are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON.
    Json,
    /// Python literals: single or double quotes, `True`, `False`, `None`.
    Python,
    /// JSON with bare keys, and with this text as quote of strings, which have no escapes.
    Quoted(String),
}

/// The tags of an argument: `open KEY key_end VALUE close`.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedArguments {
    /// The text before the key.
    pub open: String,
    /// The text between the key and the value.
    pub key_end: String,
    /// The text after the value.
    pub close: String,
    /// Whether a line break at each end of the value belongs to the tags.
    pub lines: bool,
    /// Whether string values are in JSON, with quotes. If not, they are plain text.
    pub json_strings: bool,
    /// The attributes between the key and `>` that mark a string, if they depend on the value's type, for
    /// example ` string="true"`.
    pub string_attributes: Option<String>,
}

/// The ids of calls that a template accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdStyle {
    /// Any text.
    Any,
    /// Exactly nine letters or digits (Mistral).
    NineAlphanumeric,
    /// `functions.NAME:INDEX` (Kimi). The template writes the id instead of the name.
    NameAndIndex,
}

impl Marks {
    /// Marks with these texts.
    #[must_use]
    pub fn new(open: &str, close: &str) -> Self {
        Self { open: open.to_owned(), close: close.to_owned() }
    }
}

impl CallFormat {
    /// The format for models without one of their own: a JSON object between `<tool_call>` and
    /// `</tool_call>`, as in Hermes and Qwen.
    #[must_use]
    pub fn generic() -> Self {
        Self::json("<tool_call>\n", "\n</tool_call>")
    }

    /// A JSON object with `name` and `arguments` between these marks.
    fn json(open: &str, close: &str) -> Self {
        let keys = JsonKeys {
            start: "{\"name\": \"".into(),
            name: "name".into(),
            arguments: "arguments".into(),
            id: None,
            dialect: Dialect::Json,
        };
        Self::of(CallKind::Json(keys), Marks::default(), Marks::new(open, close))
    }

    fn of(kind: CallKind, section: Marks, call: Marks) -> Self {
        Self { section, call, kind, other_opens: Vec::new() }
    }
}

impl ChatFormat {
    /// The format of a model whose template knows neither reasoning nor tools.
    #[must_use]
    pub fn generic() -> Self {
        Self {
            reasoning: None,
            answer: None,
            calls: CallFormat::generic(),
            ids: IdStyle::Any,
            dropped: Vec::new(),
        }
    }

    /// Whether `prompt` ends inside reasoning, so that the model's output continues it.
    #[must_use]
    pub fn ends_inside_reasoning(&self, prompt: &str) -> bool {
        if self.calls.kind == CallKind::Harmony {
            return prompt.ends_with("<|channel|>analysis<|message|>");
        }
        self.reasoning.as_ref().is_some_and(|reasoning| prompt.trim_end().ends_with(&reasoning.marks.open))
    }

    /// The start of a call, for prompts that make the model call a tool: up to the name, or with `name` up to
    /// the arguments. Give it to [`ChatParser::push`], too. `None` for a name if the format writes something
    /// else before the arguments, for example an id.
    #[must_use]
    pub fn call_start(&self, name: Option<&str>) -> Option<String> {
        let calls = &self.calls;
        let mut start = calls.section.open.clone() + &calls.call.open;
        let end = match &calls.kind {
            CallKind::Harmony => {
                start = "<|channel|>commentary to=functions.".into();
                " <|constrain|>json<|message|>".to_owned()
            }
            CallKind::Pythonic => {
                start.push('[');
                "(".to_owned()
            }
            CallKind::Json(keys) => {
                start += &keys.start;
                match keys.name.as_str() {
                    "" => "\": ".to_owned(),
                    _ => format!("\", \"{}\": ", keys.arguments),
                }
            }
            CallKind::Named { head, .. } | CallKind::Tagged { head, .. } => match head.as_slice() {
                [HeadField { kind: FieldKind::Name, end }] => end.clone(),
                [HeadField { kind: FieldKind::Name, .. }, ..] if name.is_none() => String::new(),
                _ => return None,
            },
        };
        if let Some(name) = name {
            start = start + name + &end;
        }
        Some(start)
    }

    /// All marks that the parser looks for. A detokenizer must let a control token through if it is part of
    /// one of them.
    #[must_use]
    pub fn marks(&self) -> Vec<String> {
        let calls = &self.calls;
        let mut texts: Vec<&str> = Vec::new();
        if let Some(reasoning) = &self.reasoning {
            texts.extend([&*reasoning.marks.open, &reasoning.marks.close]);
        }
        if let Some(answer) = &self.answer {
            texts.extend([&*answer.open, &answer.close]);
        }
        texts.extend([&*calls.section.open, &calls.call.open, &calls.call.close, &calls.section.close]);
        texts.extend(calls.other_opens.iter().chain(&self.dropped).map(String::as_str));
        match &calls.kind {
            CallKind::Named { head, dialect } => {
                texts.extend(head.iter().map(|field| &*field.end));
                if let Dialect::Quoted(quote) = dialect {
                    texts.push(quote);
                }
            }
            CallKind::Tagged { head, arguments } => {
                texts.extend(head.iter().map(|field| &*field.end));
                texts.extend([&*arguments.open, &arguments.key_end, &arguments.close]);
            }
            CallKind::Harmony => texts.extend(parser::HARMONY),
            CallKind::Json(_) | CallKind::Pythonic => {}
        }
        let mut marks: Vec<String> = texts.into_iter().flat_map(tags::split).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }
}
