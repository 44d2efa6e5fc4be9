//! The kinds of constraints that a request can name.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat_format::CallsSpec;

/// The form that an answer must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ConstraintSpec {
    /// Any JSON object.
    JsonObject {
        /// The white space between the tokens of JSON.
        #[serde(default)]
        whitespace: Whitespace,
    },
    /// JSON that is valid by a schema (draft 2020-12; draft 7 where `$schema` says so). Properties are written in the
    /// schema's order.
    JsonSchema {
        /// The schema.
        schema: Value,
        /// The white space between the tokens of JSON.
        #[serde(default)]
        whitespace: Whitespace,
    },
    /// Text that a regular expression of JavaScript matches as a whole.
    Regex {
        /// The expression, without slashes.
        pattern: String,
        /// `i`, `s`, `u`; `d`, `g` and `y` have no effect.
        #[serde(default)]
        flags: String,
    },
    /// Text of a context-free grammar.
    Grammar {
        /// How the grammar is written.
        syntax: GrammarSyntax,
        /// The grammar.
        grammar: String,
    },
    /// One of these texts.
    Choices {
        /// The texts.
        choices: Vec<String>,
    },
    /// Tool calls.
    Calls(Box<CallsSpec>),
}

/// How a grammar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrammarSyntax {
    /// llama.cpp's. The first rule is `root`.
    Gbnf,
    /// Lark's, as llguidance reads it. The first rule is `start`.
    Lark,
}

/// The white space between the tokens of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whitespace {
    /// None: `{"a":[1,2]}`.
    Compact,
    /// What pretty printers write: a space, or a line feed and at most 32 spaces or tabs, after an opening bracket, a
    /// comma or a colon and before a closing bracket. A model cannot write white space without end.
    #[default]
    Bounded,
    /// Any amount between any two tokens.
    Any,
}
