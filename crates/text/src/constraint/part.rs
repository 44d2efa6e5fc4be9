//! The parts of a text that a constraint describes one after the other, such as a tool call.

use serde_json::Value;

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// This text.
    Text(String),
    /// This control token. No text matches it, whatever it spells.
    Token(u32),
    /// What a regular expression of JavaScript matches.
    Pattern(String),
    /// One of these.
    OneOf(Vec<Vec<Part>>),
    /// One or more of these.
    List {
        /// One of them.
        item: Vec<Part>,
        /// What is between two.
        separator: Vec<Part>,
        /// The most of them; `None` for any number.
        max: Option<u32>,
    },
    /// A value that is valid by a schema.
    Value {
        /// The schema.
        schema: Value,
        /// What the paths of its errors begin with.
        path: String,
        /// How values are written.
        notation: Notation,
    },
    /// The properties of an object that is valid by a schema, without brackets around them. There are only those that
    /// the schema lists.
    Properties {
        /// The schema.
        schema: Value,
        /// What the paths of its errors begin with.
        path: String,
        /// How properties are written.
        layout: Layout,
    },
}

/// How values are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Notation {
    /// JSON.
    Json,
    /// Python's literals.
    Python,
    /// JSON with bare names, and with this mark as quote of strings, which have no escapes.
    Quoted(Vec<Part>),
}

/// How the properties of an object are written without brackets.
#[derive(Clone, Debug, PartialEq)]
pub enum Layout {
    /// `name=value, name=value`, in Python's notation.
    Keywords,
    /// Each between tags.
    Tagged(TaggedLayout),
}

/// Properties between tags.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedLayout {
    /// The properties.
    pub properties: Vec<TaggedProperty>,
    /// What no value that is plain text contains, because the parser would end it there.
    pub ends: Vec<String>,
}

/// A property between tags.
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedProperty {
    /// The name.
    pub name: String,
    /// What its value may be.
    pub content: TaggedContent,
    /// The text before a value that is plain text.
    pub open_text: Vec<Part>,
    /// The text before a value in JSON.
    pub open_json: Vec<Part>,
    /// The text after the value.
    pub close: Vec<Part>,
}

/// How a value between tags is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaggedContent {
    /// Strings are plain text, other values JSON.
    Text,
    /// A string, as plain text.
    OnlyText,
    /// A string, as plain text, or `null`, which is no string.
    TextOrNull,
    /// JSON.
    Json,
}
