//! Flags for the form of the answers.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use linnet_engine::{AnswerForm, Error};
use linnet_text::{ConstraintSpec, GrammarSyntax, Whitespace};

use crate::failure::Failure;

/// The form that every answer has. Reasoning and tool calls are free.
#[derive(Args, Debug)]
#[command(next_help_heading = "Form of the answer")]
#[group(multiple = false)]
pub struct FormOptions {
    /// Any JSON object
    #[arg(long)]
    json: bool,
    /// JSON that is valid by the schema in this file; the model is told the schema
    #[arg(long, value_name = "FILE")]
    json_schema: Option<PathBuf>,
    /// Text that this regular expression of JavaScript matches as a whole
    #[arg(long, value_name = "PATTERN")]
    regex: Option<String>,
    /// Text of the grammar in this file: GBNF, or Lark if its name ends with `.lark`
    #[arg(long, value_name = "FILE")]
    grammar: Option<PathBuf>,
    /// One of these texts; repeat it for each
    #[arg(long = "choice", value_name = "TEXT")]
    choices: Vec<String>,
}

impl FormOptions {
    /// The form, if one is given.
    ///
    /// # Errors
    /// [`Failure::File`] for a file that cannot be read, [`Failure::Engine`] for a schema that is not JSON.
    pub fn form(&self) -> Result<Option<AnswerForm>, Failure> {
        let whitespace = Whitespace::default();
        let (field, constraint) = if self.json {
            ("--json", ConstraintSpec::JsonObject { whitespace })
        } else if let Some(path) = &self.json_schema {
            let schema = serde_json::from_str(&read(path)?).map_err(|error| Error::InvalidRequest {
                field: "--json-schema".to_owned(),
                reason: format!("must be a file with a JSON schema: {error}"),
                value: None,
            })?;
            ("--json-schema", ConstraintSpec::JsonSchema { schema, whitespace })
        } else if let Some(pattern) = &self.regex {
            ("--regex", ConstraintSpec::Regex { pattern: pattern.clone(), flags: String::new() })
        } else if let Some(path) = &self.grammar {
            let is_lark = path.extension().is_some_and(|extension| extension == "lark");
            let syntax = if is_lark { GrammarSyntax::Lark } else { GrammarSyntax::Gbnf };
            ("--grammar", ConstraintSpec::Grammar { syntax, grammar: read(path)? })
        } else if !self.choices.is_empty() {
            ("--choice", ConstraintSpec::Choices { choices: self.choices.clone() })
        } else {
            return Ok(None);
        };
        Ok(Some(AnswerForm { constraint, field, name: None, description: None }))
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::file(path))
}
