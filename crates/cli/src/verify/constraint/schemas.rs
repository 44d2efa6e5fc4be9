//! JSON schemas: judges which values they let an answer be.

use std::collections::BTreeSet;
use std::path::Path;

use linnet_constraint::{Automaton, compile};
use linnet_text::{ConstraintError, ConstraintSpec, Whitespace};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::report::{Outcome, Subject};
use super::orders;
use super::read;
use super::vocabularies::{self, Cutter};

const KIND: &str = "json-schema";
/// Schemas of the JSON-Schema-Test-Suite that are refused.
const REFUSED: &str = include_str!("refused.txt");
/// Maximum number of failing cases to show.
const SHOWN: usize = 8;

/// A schema of an application, and values.
#[derive(Debug, Deserialize)]
struct Own {
    name: String,
    schema: Value,
    tests: Vec<OwnTest>,
}

#[derive(Debug, Deserialize)]
struct OwnTest {
    text: String,
    valid: bool,
    /// Valid, but its properties are in another order than the schema's.
    #[serde(default)]
    out_of_schema_order: bool,
    note: Option<String>,
}

/// A schema of the JSON-Schema-Test-Suite, and values.
#[derive(Debug, Deserialize)]
struct Group {
    description: String,
    schema: Value,
    tests: Vec<GroupTest>,
}

#[derive(Debug, Deserialize)]
struct GroupTest {
    description: String,
    data: Value,
    valid: bool,
}

/// Counts schemas and values.
#[derive(Default)]
struct Tally {
    schemas: usize,
    refused: Vec<String>,
    values: usize,
    accepted: Vec<String>,
    rejected: Vec<String>,
}

impl Tally {
    /// Judges one value, in each of its texts: a valid value must be possible in one of them, an invalid one in none.
    fn judge(&mut self, compiled: &[(Automaton, &Cutter)], texts: &[String], valid: bool, name: &str) {
        for (automaton, cutter) in compiled {
            self.values += 1;
            let mut accepted = false;
            let mut expressible = true;
            for text in texts {
                match cutter.write(automaton.clone(), text.as_bytes()) {
                    Ok(written) => {
                        accepted |= written.complete;
                        expressible &= written.expressible;
                    }
                    Err(error) => self.rejected.push(format!("{name} ({}): {error}", cutter.name)),
                }
                if accepted {
                    break;
                }
            }
            let wrong = if valid { &mut self.rejected } else { &mut self.accepted };
            if accepted != valid && (expressible || accepted) {
                wrong.push(format!("{name} ({}): {}", cutter.name, texts.first().map_or("", |text| text)));
            }
        }
    }

    /// The lines of the report. `refused`: the schemas that may be refused.
    fn outcomes(self, subject: &Subject, refused: &BTreeSet<&str>) -> Vec<Outcome> {
        let newly: Vec<&String> =
            self.refused.iter().filter(|name| !refused.contains(name.as_str())).collect();
        let taken = self.schemas - self.refused.len();
        let again = refused.iter().filter(|name| !self.refused.iter().any(|it| it == *name)).count();
        let again = if again > 0 {
            format!("; {again} of the list of refused ones are taken")
        } else {
            String::new()
        };
        vec![
            subject.counted("taken", "schemas refused that were not", newly.len()).with(format!(
                "{taken} of {} taken{again}{}",
                self.schemas,
                shown(&newly)
            )),
            subject.counted("invalid", "invalid values accepted", self.accepted.len()).with(format!(
                "of {} values{}",
                self.values,
                shown(&self.accepted)
            )),
            subject.counted("valid", "valid values rejected", self.rejected.len()).with(format!(
                "of {} values{}",
                self.values,
                shown(&self.rejected)
            )),
        ]
    }
}

fn shown(wrong: &[impl AsRef<str>]) -> String {
    wrong.iter().take(SHOWN).map(|wrong| format!("; {}", wrong.as_ref())).collect()
}

/// The constraint of a schema, for each vocabulary.
fn compiled<'c>(
    schema: &Value,
    cutters: &'c [Cutter],
) -> Result<Vec<(Automaton, &'c Cutter)>, ConstraintError> {
    let spec = ConstraintSpec::JsonSchema { schema: schema.clone(), whitespace: Whitespace::Compact };
    cutters.iter().map(|cutter| Ok((compile(&spec, &cutter.vocabulary)?, cutter))).collect()
}

/// Judges schemas as applications write them.
pub fn own(path: &Path) -> Vec<Outcome> {
    let subject = Subject::new(KIND, path.file_stem().unwrap_or_default().to_string_lossy());
    let read = || Ok::<_, String>((read::<Vec<Own>>(path)?, vocabularies::all(path)?));
    let (schemas, cutters) = match read() {
        Ok(read) => read,
        Err(error) => return vec![subject.failed("all", error)],
    };
    let mut tally = Tally::default();
    for own in &schemas {
        tally.schemas += 1;
        let compiled = match compiled(&own.schema, &cutters) {
            Ok(compiled) => compiled,
            Err(error) => {
                tally.refused.push(format!("{}: {error}", own.name));
                continue;
            }
        };
        for test in own.tests.iter().filter(|test| test.is_judged()) {
            let texts = std::slice::from_ref(&test.text);
            tally.judge(&compiled, texts, test.valid, &own.name);
        }
    }
    tally.outcomes(&subject, &BTreeSet::new())
}

impl OwnTest {
    /// Whether an answer could have this text: not another order of properties, and not another spelling of a number.
    fn is_judged(&self) -> bool {
        !self.out_of_schema_order && !self.note.as_ref().is_some_and(|note| note.contains("unable to write"))
    }
}

/// Judges a file of the JSON-Schema-Test-Suite.
pub fn suite(files: &[&Path], draft: &str) -> Vec<Outcome> {
    let subject = Subject::new(KIND, format!("suite/{draft}"));
    let refused: BTreeSet<&str> = REFUSED.lines().filter(|line| line.starts_with(draft)).collect();
    let mut tally = Tally::default();
    let cutters = match files.first().map(|file| vocabularies::all(file)) {
        Some(Ok(cutters)) => cutters,
        Some(Err(error)) => return vec![subject.failed("all", error)],
        None => return Vec::new(),
    };
    for file in files {
        let groups: Vec<Group> = match read(file) {
            Ok(groups) => groups,
            Err(error) => return vec![subject.failed("all", error)],
        };
        let parts: Vec<_> = file.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let from = parts.iter().rposition(|part| part == draft).unwrap_or(0);
        let file_name = parts[from..].join("/");
        for group in &groups {
            let name = format!("{file_name}: {}", group.description);
            let schema = with_dialect(&group.schema, draft);
            tally.schemas += 1;
            let Ok(compiled) = compiled(&schema, &cutters) else {
                tally.refused.push(name);
                continue;
            };
            // By default a format is no more than an annotation; an answer has it nevertheless.
            for test in group.tests.iter().filter(|test| !test.description.contains("only an annotation")) {
                let name = format!("{name}: {}", test.description);
                tally.judge(&compiled, &orders::texts(&test.data), test.valid, &name);
            }
        }
    }
    tally.outcomes(&subject, &refused)
}

/// The schema with the dialect of its folder. The schemas of draft 7 do not name it.
fn with_dialect(schema: &Value, draft: &str) -> Value {
    let mut schema = schema.clone();
    if let (Value::Object(object), "draft7") = (&mut schema, draft) {
        object.entry("$schema").or_insert(json!("http://json-schema.org/draft-07/schema#"));
    }
    schema
}
