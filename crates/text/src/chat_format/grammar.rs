//! Tool calls as constraints: what a model must write so that the parser finds calls that fit the tools' schemas.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::ID_START;
use super::parser::{ArgumentType, of_schema};
use super::{
    CallFormat, CallKind, ChatFormat, Dialect, FieldKind, HeadField, IdStyle, JsonKeys, SAME_NAME,
    TaggedArguments,
};
use crate::constraint::{Layout, Notation, Part, TaggedContent, TaggedLayout, TaggedProperty};

/// A tool that calls are held to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalledTool {
    /// The function's name.
    pub name: String,
    /// The JSON schema of its arguments.
    pub parameters: Value,
    /// What the paths of errors in the schema begin with.
    pub path: String,
}

/// A control token of the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlToken {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub text: String,
    /// Whether it ends an answer.
    pub ends: bool,
}

/// What the calls of an answer must fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallsSpec {
    /// How the model writes calls.
    pub format: CallFormat,
    /// The ids that the template accepts.
    pub ids: IdStyle,
    /// As in [`ChatFormat::recipients`].
    pub recipients: bool,
    /// The tools.
    pub tools: Vec<CalledTool>,
    /// The most calls, if the format has a section around all of them; otherwise there is one.
    pub most: Option<u32>,
    /// The vocabulary's control tokens in the format's [`marks`](ChatFormat::marks).
    pub controls: Vec<ControlToken>,
}

impl ChatFormat {
    /// What calls of these tools must fit. `controls` are the vocabulary's control tokens in the format's
    /// [`marks`](Self::marks).
    #[must_use]
    pub fn calls_spec(
        &self,
        tools: Vec<CalledTool>,
        most: Option<u32>,
        controls: Vec<ControlToken>,
    ) -> CallsSpec {
        CallsSpec {
            format: self.calls.clone(),
            ids: self.ids,
            recipients: self.recipients,
            tools,
            most,
            controls,
        }
    }
}

impl CallsSpec {
    /// The parts of the text from the first mark to the last one. It begins as [`ChatFormat::call_start`] does, without
    /// the white space before it.
    ///
    /// `None` if the format leaves open where a value ends, or how it marks values that are no strings.
    #[must_use]
    pub fn parts(&self) -> Option<Vec<Part>> {
        Writer { spec: self, has_ended: false }.calls()
    }

    /// Whether nothing may follow a call but a token that ends the answer.
    #[must_use]
    pub fn ends_answer(&self) -> bool {
        let CallFormat { kind, call, section, .. } = &self.format;
        let ends = |token: &ControlToken| {
            token.ends && [&call.close, &section.close].iter().any(|mark| mark.contains(&token.text))
        };
        *kind == CallKind::Harmony || self.controls.iter().any(ends)
    }
}

impl JsonKeys {
    /// The text from the name to the arguments.
    pub(super) fn after_name(&self) -> String {
        let quote = self.start.chars().next_back().filter(|c| "\"'".contains(*c)).unwrap_or('"');
        let is_compact = self.start.contains(':') && !self.start.contains(": ");
        let space = if is_compact { "" } else { " " };
        match self.name.as_str() {
            "" => format!("{quote}:{space}"),
            _ => format!("{quote},{space}{quote}{}{quote}:{space}", self.arguments),
        }
    }

    /// Whether a call is an element of an array.
    pub(super) fn is_listed(&self) -> bool {
        self.start.trim_start().starts_with('[')
    }
}

/// Writes the parts of calls.
struct Writer<'a> {
    spec: &'a CallsSpec,
    /// Whether a token that ends the answer was written.
    has_ended: bool,
}

/// Where calls are: `before item (separator item)* after`.
struct Around {
    before: String,
    separator: String,
    after: String,
    /// Whether there may be several.
    is_list: bool,
    /// Whether brackets are around them.
    is_bracketed: bool,
}

impl Writer<'_> {
    fn calls(&mut self) -> Option<Vec<Part>> {
        let CallsSpec { tools, most, .. } = self.spec;
        let Around { before, separator, after, is_list, .. } = self.around();
        let has_header = self.spec.recipients || self.spec.format.kind == CallKind::Harmony;
        let is_list = is_list && *most != Some(1) && !has_header;
        let mut items = Vec::new();
        for tool in tools {
            items.push(self.call(tool, before.is_empty() && !is_list)?);
        }
        let items = one_of(items);
        let mut parts = Vec::new();
        self.mark(&before, &mut parts);
        if is_list {
            let mut between = Vec::new();
            self.mark(&separator, &mut between);
            parts.push(Part::List { item: items, separator: between, max: *most });
        } else {
            parts.extend(items);
        }
        if !self.has_ended {
            self.mark(&after, &mut parts);
        }
        Some(parts)
    }

    fn around(&self) -> Around {
        let calls = &self.spec.format;
        let (open, close) = (&calls.section.open, &calls.section.close);
        let is_bracketed = match &calls.kind {
            CallKind::Json(keys) => keys.is_listed(),
            CallKind::Pythonic => true,
            _ => false,
        };
        let (before, separator, after, is_list) = if is_bracketed {
            let (open, close) =
                (format!("{open}{}[", calls.call.open), format!("]{}{close}", calls.call.close));
            (open, ", ".to_owned(), close, true)
        } else {
            let has_section = !open.trim().is_empty() || !close.trim().is_empty();
            (open.clone(), calls.separator.clone(), close.clone(), has_section)
        };
        // Messages to a recipient begin with a header, see `call`.
        let before = if self.spec.recipients { String::new() } else { before.trim_start().to_owned() };
        let after = if self.spec.recipients { String::new() } else { after };
        Around { before, separator, after, is_list, is_bracketed }
    }

    /// One call. `first`: nothing comes before it.
    fn call(&mut self, tool: &CalledTool, first: bool) -> Option<Vec<Part>> {
        let calls = &self.spec.format;
        let CalledTool { name, parameters, path } = tool;
        let value = |notation| Part::Value { schema: parameters.clone(), path: path.clone(), notation };
        let mut parts = Vec::new();
        let is_bracketed = self.around().is_bracketed;
        let mut open = if is_bracketed { String::new() } else { calls.call.open.clone() };
        let mut close = if is_bracketed { String::new() } else { calls.call.close.clone() };
        if self.spec.recipients {
            open = format!("{}{open}", calls.section.open);
            close.push_str(&calls.section.close);
            let mut header = Vec::new();
            self.mark(&format!("to={name}<|message|>"), &mut header);
            parts.push(Part::OneOf(vec![header, Vec::new()]));
        }
        let open = if first { open.trim_start().to_owned() } else { open };
        match &calls.kind {
            CallKind::Harmony => {
                let head = format!("<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>");
                self.mark(&head, &mut parts);
                parts.push(value(Notation::Json));
                return Some(parts);
            }
            CallKind::Pythonic => {
                let layout = Layout::Keywords;
                parts.push(Part::Text(format!("{name}(")));
                parts.push(Part::Properties { schema: parameters.clone(), path: path.clone(), layout });
                parts.push(Part::Text(")".into()));
            }
            CallKind::Json(keys) => {
                let mut open = self.head(&keys.head, name, open, &mut parts);
                let start = keys.start.trim_start();
                let start = start.strip_prefix('[').unwrap_or(start);
                open.extend([start, name, &keys.after_name()]);
                self.mark(&open, &mut parts);
                parts.push(value(self.notation(&keys.dialect)));
                let opened = start.matches('{').count().saturating_sub(start.matches('}').count());
                parts.extend(self.late_id(keys).filter(|_| opened == 1));
                parts.push(Part::Text("}".repeat(opened)));
            }
            CallKind::Named { head, dialect } => {
                let end = self.head(head, name, open, &mut parts);
                self.mark(&end, &mut parts);
                parts.push(value(self.notation(dialect)));
            }
            CallKind::Tagged { head, arguments } => {
                let end = self.head(head, name, open, &mut parts);
                self.mark(&end, &mut parts);
                let layout = Layout::Tagged(self.tagged(arguments, parameters)?);
                parts.push(Part::Properties { schema: parameters.clone(), path: path.clone(), layout });
            }
        }
        if let Some(marks) = &calls.late_id {
            let mut id = Vec::new();
            self.mark(&marks.open, &mut id);
            id.push(Part::Pattern(id_pattern(self.spec.ids).into()));
            self.mark(&marks.close, &mut id);
            parts.push(Part::OneOf(vec![id, Vec::new()]));
        }
        self.mark(&close.replace(SAME_NAME, name), &mut parts);
        Some(parts)
    }

    /// The fields before the arguments, after `text`; returns the text after the last one.
    fn head(&mut self, head: &[HeadField], name: &str, mut text: String, parts: &mut Vec<Part>) -> String {
        for HeadField { kind, end } in head {
            let pattern = match kind {
                FieldKind::Name => {
                    text.push_str(name);
                    None
                }
                FieldKind::NameInId => {
                    text.extend([ID_START, name, ":"]);
                    Some("[0-9]{1,3}")
                }
                FieldKind::Number { .. } => Some("[0-9]{1,3}"),
                FieldKind::Id => Some(id_pattern(self.spec.ids)),
            };
            if let Some(pattern) = pattern {
                self.mark(&std::mem::take(&mut text), parts);
                parts.push(Part::Pattern(pattern.into()));
            }
            text.push_str(end);
        }
        text
    }

    /// The id after the arguments, which the model may leave out.
    fn late_id(&self, keys: &JsonKeys) -> Option<Part> {
        let id = keys.id.as_ref().filter(|id| !keys.start.contains(id.as_str()))?;
        let quote = keys.start.chars().next_back().filter(|c| "\"'".contains(*c)).unwrap_or('"');
        let written = vec![
            Part::Text(format!(", {quote}{id}{quote}: {quote}")),
            Part::Pattern(id_pattern(self.spec.ids).into()),
            Part::Text(quote.into()),
        ];
        Some(Part::OneOf(vec![written, Vec::new()]))
    }

    fn notation(&mut self, dialect: &Dialect) -> Notation {
        match dialect {
            Dialect::Json => Notation::Json,
            Dialect::Python => Notation::Python,
            Dialect::Quoted(quote) => {
                let mut mark = Vec::new();
                self.mark(quote, &mut mark);
                Notation::Quoted(mark)
            }
        }
    }

    fn tagged(&mut self, tags: &TaggedArguments, parameters: &Value) -> Option<TaggedLayout> {
        if tags.close.trim().is_empty() {
            return None;
        }
        let listed = parameters.get("properties").and_then(Value::as_object);
        let mut properties = Vec::new();
        for (key, schema) in listed.into_iter().flatten() {
            let content = match of_schema(schema, parameters) {
                _ if tags.json_strings => TaggedContent::Json,
                _ if tags.string_attributes.is_some() => TaggedContent::Text,
                ArgumentType::String => TaggedContent::OnlyText,
                ArgumentType::StringOrNull => TaggedContent::TextOrNull,
                ArgumentType::Container | ArgumentType::Json => TaggedContent::Json,
            };
            let open = |attributes: Option<String>| {
                let line = if tags.lines && !tags.attributes_end.ends_with('\n') { "\n" } else { "" };
                let end =
                    attributes.map(|attributes| attributes + &tags.attributes_end + line).unwrap_or_default();
                format!("{}{key}{}{end}", tags.open, tags.key_end)
            };
            let other = |attributes: &String| match attributes.contains("true") {
                true => attributes.replace("true", "false"),
                false => {
                    let name = schema.get("type").and_then(Value::as_str).filter(|name| *name != "string");
                    attributes.replace("string", name.unwrap_or("object"))
                }
            };
            let other = tags.string_attributes.as_ref().map(other);
            if other.is_some() && other == tags.string_attributes {
                return None;
            }
            let line = if tags.lines { "\n" } else { "" };
            let texts = [
                open(tags.string_attributes.clone()),
                open(other),
                format!("{line}{}", tags.close.replace(SAME_NAME, key)),
            ];
            let [open_text, open_json, close] = texts.map(|text| {
                let mut parts = Vec::new();
                self.mark(&text, &mut parts);
                parts
            });
            let name = key.clone();
            properties.push(TaggedProperty { name, content, open_text, open_json, close });
        }
        Some(TaggedLayout { properties, ends: self.ends_of_text(tags) })
    }

    /// What ends a value that is plain text: its closing tag, and lines that open another argument or close the call.
    fn ends_of_text(&self, tags: &TaggedArguments) -> Vec<String> {
        let calls = &self.spec.format;
        let first = |text: &str| super::tags::split(text).into_iter().next();
        let close = first(&tags.close).map(|tag| tag.split(SAME_NAME).next().unwrap_or_default().to_owned());
        let lines =
            [&tags.open, &calls.call.close, &calls.section.close].into_iter().filter_map(|text| first(text));
        let lines = lines.map(|tag| format!("\n{}", tag.split(SAME_NAME).next().unwrap_or_default()));
        let ends = close.into_iter().chain(lines).filter(|end| !end.trim().is_empty());
        ends.collect()
    }

    /// Adds a mark. Nothing follows a token that ends the answer.
    fn mark(&mut self, text: &str, parts: &mut Vec<Part>) {
        for part in marks_as_parts(text, &self.spec.controls) {
            let ends = |token: &&ControlToken| token.ends && part == Part::Token(token.id);
            if self.spec.controls.iter().any(|token| ends(&token)) {
                self.has_ended = true;
                return;
            }
            parts.push(part);
        }
    }
}

/// The control tokens in a text of marks, and the texts between them.
#[must_use]
pub fn marks_as_parts(text: &str, controls: &[ControlToken]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let tokens = controls.iter().filter(|token| !token.text.is_empty());
        let found = tokens.filter_map(|token| Some((rest.find(&token.text)?, token)));
        // The first; of several at the same place, the longest.
        let next = found.min_by_key(|(at, token)| (*at, std::cmp::Reverse(token.text.len())));
        let (at, length) = next.map_or((rest.len(), 0), |(at, token)| (at, token.text.len()));
        if at > 0 {
            parts.push(Part::Text(rest[..at].to_owned()));
        }
        parts.extend(next.map(|(_, token)| Part::Token(token.id)));
        rest = &rest[at + length..];
    }
    parts
}

fn id_pattern(style: IdStyle) -> &'static str {
    match style {
        IdStyle::NineAlphanumeric => "[a-zA-Z0-9]{9}",
        IdStyle::Any | IdStyle::NameAndIndex => "[a-zA-Z0-9_.:-]{1,64}",
    }
}

fn one_of(mut options: Vec<Vec<Part>>) -> Vec<Part> {
    if options.len() == 1 { options.remove(0) } else { vec![Part::OneOf(options)] }
}
