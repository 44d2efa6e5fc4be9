//! How a model marks its reasoning and its tool calls, and the parser that takes its output apart.
//!
//! [`ChatFormat::detect`] finds a model's format from its chat template. [`ChatParser`] reads the model's output in
//! this format, in pieces of any size.
//!
//! # Malformed calls
//! - Text that starts like a call, but gives no name of a function, is content. It is not searched again.
//! - Without an opening mark, a call must name one of the request's tools. After one that consists of ordinary words,
//!   a call with another name must be valid; else it is content.
//! - Once the name is known, the text is a call. If its arguments are not what the format says, the rest of the text
//!   up to the closing mark belongs to the arguments, unchanged, and the call ends as invalid.
//! - Missing arguments are `{}`, and so are those that are `null`. Arguments in a JSON string are the text of that
//!   string. Raw control characters in a JSON string are escaped. The order of keys does not matter.
//! - Missing closing marks are ignored once the arguments are complete.
//! - After an argument between tags, only another one, a mark, white space or the end of the output may follow. Any
//!   other text means that the value was not complete, for example because it contains its closing tag.
//! - Such a value also ends without its closing tag, as in vLLM, before a line that opens another argument of the
//!   same tool, or closes the call with nothing but marks after it. Any other such line belongs to the value.
//! - If the length limit cuts a mark or the name of a call, that text is dropped; if the model stops there, it is
//!   content. A call whose arguments are cut keeps what there is, and ends as invalid.
//! - Of a key that is there twice, the first counts: a call begins once.
//! - Text before and after a call stays apart, as paragraphs.
//! - Python's strings, literals, and commas at the end are read in JSON, too, and JSON in calls as Python writes
//!   them. Python's `\N{...}` is not: such a call is invalid.
//! - A module before the name of one of the request's tools is left out of calls as Python writes them.
//! - A call in the [generic](CallFormat::generic) format may also come without its marks, at the start of the answer
//!   or in a code block. It must name one of the request's tools.
//!
//! # Calls inside reasoning
//! Some models call without closing their reasoning, and others quote calls while they reason. What follows tells
//! these apart, so a call there is held back until then. It is a call, as in vLLM, if only these follow it: other
//! calls, the closing mark of the reasoning, and white space. It is reasoning if anything else follows, if it is not
//! valid, or if it does not name one of the request's tools. The closing mark ends the reasoning wherever it is,
//! even in a string of such a call.
//!
//! A closing mark without an opening one never shows at the start of an answer, or at the start of a line; in formats
//! with reasoning [anywhere](ReasoningFormat::anywhere) it never shows at all.
//!
//! # Control tokens
//! Where the vocabulary has marks as control tokens, only these tokens count, and the same letters in a text are
//! text: see [`ChatParser::with_control_tokens`]. Marks that are ordinary or user-defined tokens count however they
//! are written.
//!
//! # Without tools
//! Without tools, or with `tool_choice: "none"`, nothing is a call, and the answer ends as `stop`. The text of a
//! call that the model writes nevertheless is content, as in llama.cpp and vLLM, because answers may be about such
//! texts. Control tokens are never text, so without tools those around calls are left out.

mod arguments;
mod detect;
mod events;
mod grammar;
mod ids;
mod parser;
mod start;
mod switches;
mod tags;

pub use arguments::ArgumentsForm;
pub use events::{ChatEnd, ChatEvent};
pub use grammar::{CalledTool, CallsSpec, ControlToken, marks_as_parts};
pub use ids::IdStyle;
pub use parser::{CallInProgress, ChatParser};
pub use switches::ThinkingSwitch;

use serde::{Deserialize, Serialize};

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
    /// What begins each part after the first, if reasoning, answer and calls are turns of their own, as in Solar Open.
    pub part_start: Option<String>,
    /// The format of tool calls.
    pub calls: CallFormat,
    /// How the template takes the arguments of earlier calls.
    pub arguments: ArgumentsForm,
    /// The ids that the template accepts.
    pub ids: IdStyle,
    /// Marks that never belong to the text, for example those that hand over to a tool.
    pub dropped: Vec<String>,
    /// Whether each part of a turn is a message to a recipient, as in Muse Glimmer: ` to=self<|message|>` begins
    /// reasoning, and other names begin texts, which hold the calls.
    pub recipients: bool,
}

/// An opening and a closing text; each may be empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// How a model marks its tool calls: `section.open (call.open CALL late_id? call.close separator?)+ section.close`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallFormat {
    /// The marks around all calls of a turn.
    pub section: Marks,
    /// The marks around each call. [`SAME_NAME`] is the call's name in the closing one.
    pub call: Marks,
    /// What is between them.
    pub kind: CallKind,
    /// The texts before and after the id of a call, if it comes after the arguments.
    pub late_id: Option<Marks>,
    /// A mark between two calls; may be empty.
    pub separator: String,
    /// Other texts that may open a call.
    pub other_opens: Vec<String>,
    /// Whether a call in JSON may also come without its marks: at the start of the answer, or in a code block.
    pub unmarked: bool,
}

/// What is between the marks of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonKeys {
    /// The fields before the JSON, for example the id of the call in its opening tag.
    pub head: Vec<HeadField>,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadField {
    /// What the field is.
    pub kind: FieldKind,
    /// The text after it. If it is empty or white space, the field ends at white space, or where arguments or
    /// a tag begin.
    pub end: String,
}

/// A kind of field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    /// The name of the function.
    Name,
    /// The id of the call.
    Id,
    /// An id that contains the name: `functions.NAME:INDEX`.
    NameInId,
    /// The number of the call in its turn.
    Number {
        /// That of the first call.
        first: u8,
    },
}

/// How objects and their strings are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// JSON.
    Json,
    /// Python literals: single or double quotes, `True`, `False`, `None`.
    Python,
    /// JSON with bare keys, and with this text as quote of strings, which have no escapes.
    Quoted(String),
}

/// In the closing text of a call or an argument: its name or key, as in `</city>`. No template writes this
/// character, which Unicode reserves for a program's own use.
pub const SAME_NAME: char = '\u{FDD1}';

/// The tags of an argument: `open KEY key_end VALUE close`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaggedArguments {
    /// The text before the key; may be empty.
    pub open: String,
    /// The text between the key and the value.
    pub key_end: String,
    /// The text after the value; [`SAME_NAME`] is the key in it. If it is empty, the value ends where the next
    /// argument or the closing mark of the call begins.
    pub close: String,
    /// Whether a line break at each end of the value belongs to the tags.
    pub lines: bool,
    /// Whether string values are in JSON, with quotes. If not, they are plain text.
    pub json_strings: bool,
    /// The text after the key that marks a string, if it depends on the value's type, for example ` string="true"`.
    pub string_attributes: Option<String>,
    /// What ends that text and begins the value, for example `>`.
    pub attributes_end: String,
}

impl ReasoningFormat {
    /// The format of most models that reason: between `<think>` and `</think>`, at the start of an answer.
    #[must_use]
    pub fn usual() -> Self {
        Self { marks: Marks::new("<think>", "</think>"), prompt_opens: false, anywhere: false }
    }
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
        Self { unmarked: true, ..Self::json("<tool_call>\n", "\n</tool_call>") }
    }

    /// A JSON object with `name` and `arguments` between these marks.
    fn json(open: &str, close: &str) -> Self {
        let keys = JsonKeys {
            head: Vec::new(),
            start: "{\"name\": \"".into(),
            name: "name".into(),
            arguments: "arguments".into(),
            id: None,
            dialect: Dialect::Json,
        };
        Self::of(CallKind::Json(keys), Marks::default(), Marks::new(open, close))
    }

    /// The fields before the arguments.
    fn head(&self) -> &[HeadField] {
        match &self.kind {
            CallKind::Named { head, .. } | CallKind::Tagged { head, .. } => head,
            CallKind::Json(keys) => &keys.head,
            CallKind::Pythonic | CallKind::Harmony => &[],
        }
    }

    fn of(kind: CallKind, section: Marks, call: Marks) -> Self {
        let (late_id, separator, other_opens) = Default::default();
        Self { section, call, kind, late_id, separator, other_opens, unmarked: false }
    }
}

impl ChatFormat {
    /// The format of a model whose template knows neither reasoning nor tools.
    #[must_use]
    pub fn generic() -> Self {
        Self {
            reasoning: None,
            answer: None,
            part_start: None,
            calls: CallFormat::generic(),
            arguments: ArgumentsForm::Object,
            ids: IdStyle::Any,
            dropped: Vec::new(),
            recipients: false,
        }
    }

    /// The marks of messages with a header; none if the parts of a turn are not messages of their own.
    fn header_marks(&self) -> &'static [&'static str] {
        match self.calls.kind {
            CallKind::Harmony => &parser::HARMONY,
            _ if self.recipients => &parser::RECIPIENTS,
            _ => &[],
        }
    }

    /// What ends a message of a turn and begins the next one, if the parts of a turn are messages of their own.
    #[must_use]
    pub fn next_message(&self) -> Option<&'static str> {
        match self.calls.kind {
            CallKind::Harmony => Some("<|end|><|start|>assistant"),
            _ => self.recipients.then_some("<|eom|><|start|>assistant"),
        }
    }

    /// What is between the closing mark of reasoning and the next part of the turn.
    #[must_use]
    pub fn after_reasoning(&self) -> &str {
        self.part_start.as_deref().unwrap_or("\n\n")
    }

    /// The marks around reasoning in the text of an answer. `None` where reasoning is a message of its own.
    #[must_use]
    pub fn inline_reasoning(&self) -> Option<&Marks> {
        let inline = self.reasoning.as_ref().filter(|_| self.header_marks().is_empty());
        let marks = inline.map(|reasoning| &reasoning.marks);
        marks.filter(|marks| !marks.open.is_empty() && !marks.close.is_empty())
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
        texts.push(&calls.separator);
        texts.extend(calls.head().iter().map(|field| &*field.end));
        texts.extend(calls.late_id.iter().flat_map(|id| [&*id.open, &id.close]));
        match &calls.kind {
            CallKind::Named { dialect: Dialect::Quoted(quote), .. } => texts.push(quote),
            CallKind::Tagged { arguments, .. } => {
                let TaggedArguments { open, key_end, close, attributes_end, .. } = arguments;
                texts.extend([open.as_str(), key_end, close, attributes_end]);
            }
            _ => {}
        }
        texts.extend(self.header_marks());
        let mut marks: Vec<String> = texts.into_iter().flat_map(tags::split).collect();
        marks.sort_unstable();
        marks.dedup();
        marks
    }
}
