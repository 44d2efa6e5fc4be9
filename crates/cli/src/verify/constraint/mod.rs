//! Constraints: judges JSON schemas, expressions and grammars by the texts that they let an answer be.

mod grammars;
mod hostile;
mod masks;
mod orders;
mod schemas;
mod vocabularies;

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::discover::{Constraints, Found};
use super::report::Outcome;

/// Judges the constraints of a file. The files of the JSON-Schema-Test-Suite are judged together, with the first of
/// their draft.
pub fn run(kind: Constraints, path: &Path, found: &[Found]) -> Vec<Outcome> {
    match kind {
        Constraints::Schemas => schemas::own(path),
        Constraints::Hostile => hostile::run(path),
        Constraints::Gbnf => grammars::gbnf(path),
        Constraints::Expressions => grammars::regex(path),
        Constraints::Masks => masks::run(path),
        Constraints::Suite => {
            let draft = draft(path);
            let files = found.iter().filter_map(|found| match found {
                Found::Constraint(Constraints::Suite, file) if self::draft(file) == draft => {
                    Some(file.as_path())
                }
                _ => None,
            });
            let files: Vec<&Path> = files.collect();
            if files.first() == Some(&path) { schemas::suite(&files, draft) } else { Vec::new() }
        }
    }
}

/// The draft that a file of the JSON-Schema-Test-Suite is about: the name of its folder.
fn draft(path: &Path) -> &'static str {
    let is_draft7 = path.components().any(|part| part.as_os_str() == "draft7");
    if is_draft7 { "draft7" } else { "draft2020-12" }
}

/// Reads a JSON file.
fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("`{}` is not as expected: {error}", path.display()))
}
