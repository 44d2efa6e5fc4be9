//! Chat formats: compares the prompts of whole requests, with tools, calls, results and reasoning, and what
//! is read from answers.

mod answers;
mod model;
mod prompts;
mod structure;
#[path = "../../../../../tests/support/turn.rs"]
mod turn;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use linnet_text::LocalTime;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::golden::{GoldenError, json};
use super::report::{Outcome, Subject};
use answers::{Answer, Answers};
use model::{MarkType, Model};
use prompts::{Expected, Prompts};

const KIND: &str = "chat";

/// `FAMILY.json`: requests and their prompts by one template, and answers.
#[derive(Debug, Deserialize)]
struct Family {
    /// The template's path, from the file's folder.
    template: String,
    #[serde(default)]
    bos_token: String,
    #[serde(default)]
    eos_token: String,
    /// Marks that may be control tokens.
    #[serde(default)]
    must_reach_parser: Vec<String>,
    #[serde(default)]
    tools: Value,
    render: Vec<Case>,
    #[serde(default)]
    parse: Vec<Answer>,
}

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    /// In OpenAI's form, but with `true` for the family's tools.
    request: Map<String, Value>,
    #[serde(flatten)]
    expected: Expected,
}

/// `loops.json`: whole tool loops and their prompts by several templates.
#[derive(Debug, Deserialize)]
struct Loops {
    families: Map<String, Value>,
    loops: Vec<Loop>,
}

#[derive(Debug, Deserialize)]
struct Loop {
    name: String,
    tools: Value,
    messages: Value,
    add_generation_prompt: bool,
    /// By family.
    prompts: BTreeMap<String, Expected>,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    #[serde(default)]
    bos_token: String,
    #[serde(default)]
    eos_token: String,
}

/// The time at which the references were made.
fn now() -> LocalTime {
    LocalTime::new(2026, 1, 2, 12, 34, 56).unwrap_or(LocalTime::EPOCH)
}

/// Renders the requests of one family, and one full of marks, and reads its answers.
pub fn family(path: &Path) -> Vec<Outcome> {
    let subject = Subject::new(KIND, path.file_stem().unwrap_or_default().to_string_lossy());
    let read = || -> Result<(Family, [Model; 2]), GoldenError> {
        let family: Family = json(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let tokens = Tokens { bos_token: family.bos_token.clone(), eos_token: family.eos_token.clone() };
        let model = |mark_type| {
            Model::read(&folder.join(&family.template), &tokens, &family.must_reach_parser, mark_type)
        };
        let models = [model(MarkType::Control)?, model(MarkType::UserDefined)?];
        Ok((family, models))
    };
    let (family, models) = match read() {
        Ok(read) => read,
        Err(error) => return vec![subject.failed("render", error)],
    };
    let model = &models[0];
    let mut prompts = Prompts::default();
    for Case { name, request, expected } in &family.render {
        let mut request = request.clone();
        match request.get("tools") {
            Some(Value::Bool(true)) => request.insert("tools".to_owned(), family.tools.clone()),
            _ => request.remove("tools"),
        };
        prompts.check(name, model, request, expected);
    }
    let mut outcomes = vec![prompts.outcome(&subject), structure::run(&subject, &models)];
    if !family.parse.is_empty() {
        let mut answers = Answers::default();
        for answer in &family.parse {
            answers.check(answer, model, &family.tools);
        }
        outcomes.push(answers.outcome(&subject));
    }
    outcomes
}

/// Renders tool loops, for each of their families.
pub fn loops(path: &Path) -> Vec<Outcome> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let loops: Loops = match json(path) {
        Ok(loops) => loops,
        Err(error) => return vec![Subject::new(KIND, stem).failed("render", error)],
    };
    let outcome = |(family, tokens): (&String, &Value)| {
        let subject = Subject::new(KIND, format!("{stem}/{family}"));
        let model = || -> Result<Model, GoldenError> {
            let tokens = Tokens::deserialize(tokens).map_err(|error| GoldenError::Format {
                path: path.to_owned(),
                format: "JSON",
                reason: error.to_string(),
            })?;
            Model::read(&template(path, family), &tokens, &[], MarkType::Control)
        };
        let model = match model() {
            Ok(model) => model,
            Err(error) => return subject.failed("render", error),
        };
        let mut prompts = Prompts::default();
        for case in &loops.loops {
            if let Some(expected) = case.prompts.get(family) {
                let fields = [
                    ("tools", case.tools.clone()),
                    ("messages", case.messages.clone()),
                    ("add_generation_prompt", case.add_generation_prompt.into()),
                ];
                let request = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                prompts.check(&case.name, &model, request, expected);
            }
        }
        prompts.outcome(&subject)
    };
    loops.families.iter().map(outcome).collect()
}

/// A family's template: in a folder of templates beside that of the loops.
fn template(loops: &Path, family: &str) -> PathBuf {
    let beside = loops.parent().and_then(Path::parent).unwrap_or(Path::new(""));
    let paths = ["chat", "templates"].map(|folder| beside.join(folder).join(format!("{family}.jinja")));
    let [chat, templates] = paths;
    if chat.is_file() { chat } else { templates }
}
