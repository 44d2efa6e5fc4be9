//! Grammars and regular expressions.

use std::collections::BTreeMap;
use std::path::Path;

use linnet_constraint::compile;
use linnet_text::{ConstraintSpec, GrammarSyntax};
use serde::Deserialize;

use super::super::report::{Outcome, Subject};
use super::hostile::Bounds;
use super::read;
use super::vocabularies::{self, Cutter};

const KIND: &str = "grammars";
/// Maximum number of failing cases to show.
const SHOWN: usize = 8;

/// `gbnf.json`
#[derive(Debug, Deserialize)]
struct Gbnf {
    grammars: Vec<Grammar>,
    invalid_or_hostile: Vec<Hostile>,
}

#[derive(Debug, Deserialize)]
struct Grammar {
    name: String,
    grammar: String,
    accepted: Vec<String>,
    rejected: Vec<String>,
    #[serde(default)]
    rejected_but_may_continue: Vec<String>,
    /// The first character that no continuation allows.
    #[serde(default)]
    dies_at_char: BTreeMap<String, usize>,
}

/// `regex.json`
#[derive(Debug, Deserialize)]
struct Expressions {
    regexes: Vec<Expression>,
    refused_or_hostile: Vec<Hostile>,
}

#[derive(Debug, Deserialize)]
struct Expression {
    name: String,
    pattern: String,
    flags: String,
    accepted: Vec<String>,
    rejected: Vec<String>,
    /// Texts in which it is found, out of all of them.
    found_in: Vec<String>,
}

/// What must be refused or bounded.
#[derive(Debug, Deserialize)]
struct Hostile {
    name: String,
    grammar: Option<String>,
    pattern: Option<String>,
    #[serde(default)]
    flags: String,
    expect: String,
}

#[derive(Default)]
struct Tally {
    texts: usize,
    wrong: Vec<String>,
}

impl Tally {
    /// Judges a text: whether it is accepted, and how many of its bytes fit.
    fn judge(
        &mut self,
        spec: &ConstraintSpec,
        cutters: &[Cutter],
        text: &str,
        expected: Expected,
        name: &str,
    ) {
        for cutter in cutters {
            self.texts += 1;
            let wrong =
                match compile(spec, &cutter.vocabulary).and_then(|it| cutter.write(it, text.as_bytes())) {
                    Err(error) => Some(error.to_string()),
                    Ok(written) if !written.expressible => None,
                    Ok(written) => {
                        let is_right = written.complete == expected.accepted
                            && expected.whole.is_none_or(|whole| whole == (written.bytes == text.len()))
                            && expected.dies_at.is_none_or(|most| {
                                written.bytes == most || cutter.name != "bytes" && written.bytes < most
                            });
                        (!is_right).then(|| format!("{written:?}"))
                    }
                };
            self.wrong.extend(wrong.map(|wrong| format!("{name} ({}) {text:?}: {wrong}", cutter.name)));
        }
    }

    fn outcome(self, subject: &Subject, case: &str) -> Outcome {
        let shown: String = self.wrong.iter().take(SHOWN).map(|wrong| format!("; {wrong}")).collect();
        subject.counted(case, "wrong texts", self.wrong.len()).with(format!("of {}{shown}", self.texts))
    }
}

#[derive(Clone, Copy, Default)]
struct Expected {
    accepted: bool,
    /// Whether all of it fits, complete or not.
    whole: Option<bool>,
    /// Bytes that fit.
    dies_at: Option<usize>,
}

/// Judges llama.cpp's grammars.
pub fn gbnf(path: &Path) -> Vec<Outcome> {
    let subject = Subject::new(KIND, "gbnf");
    let read = || Ok::<_, String>((read::<Gbnf>(path)?, vocabularies::all(path)?));
    let (gbnf, cutters) = match read() {
        Ok(read) => read,
        Err(error) => return vec![subject.failed("texts", error)],
    };
    let spec =
        |grammar: &str| ConstraintSpec::Grammar { syntax: GrammarSyntax::Gbnf, grammar: grammar.to_owned() };
    let mut tally = Tally::default();
    for grammar in &gbnf.grammars {
        let spec = spec(&grammar.grammar);
        for text in &grammar.accepted {
            let expected = Expected { accepted: true, ..Expected::default() };
            tally.judge(&spec, &cutters, text, expected, &grammar.name);
        }
        for text in &grammar.rejected {
            let dies_at = grammar.dies_at_char.get(text);
            let byte = dies_at.map(|&at| text.chars().take(at).map(char::len_utf8).sum::<usize>());
            let whole = Some(grammar.rejected_but_may_continue.contains(text));
            // Characters may share their first bytes with ones that fit.
            let dies_at = byte.filter(|&byte| text[byte..].chars().next().is_some_and(|c| c.is_ascii()));
            tally.judge(&spec, &cutters, text, Expected { accepted: false, whole, dies_at }, &grammar.name);
        }
    }
    let mut bounds = Bounds::default();
    for case in &gbnf.invalid_or_hostile {
        let spec = spec(case.grammar.as_deref().unwrap_or_default());
        bounds.check(
            &case.name,
            &spec,
            &cutters,
            case.expect.starts_with("refuse") && !case.expect.contains(" or "),
        );
    }
    vec![tally.outcome(&subject, "texts"), bounds.outcome(&subject)]
}

/// Judges JavaScript's expressions.
pub fn regex(path: &Path) -> Vec<Outcome> {
    let subject = Subject::new(KIND, "regex");
    let read = || Ok::<_, String>((read::<Expressions>(path)?, vocabularies::all(path)?));
    let (expressions, cutters) = match read() {
        Ok(read) => read,
        Err(error) => return vec![subject.failed("texts", error)],
    };
    let spec = |pattern: &str, flags: &str| ConstraintSpec::Regex {
        pattern: pattern.to_owned(),
        flags: flags.to_owned(),
    };
    let (mut whole, mut found) = (Tally::default(), Tally::default());
    for expression in &expressions.regexes {
        let spec = spec(&expression.pattern, &expression.flags);
        for (texts, accepted) in [(&expression.accepted, true), (&expression.rejected, false)] {
            for text in texts {
                let expected = Expected { accepted, ..Expected::default() };
                whole.judge(&spec, &cutters, text, expected, &expression.name);
                // A schema's `pattern` has no flags, and means `u`.
                if matches!(expression.flags.as_str(), "" | "u") {
                    let schema = serde_json::json!({ "type": "string", "pattern": expression.pattern });
                    let whitespace = linnet_text::Whitespace::Compact;
                    let spec = ConstraintSpec::JsonSchema { schema, whitespace };
                    let expected =
                        Expected { accepted: expression.found_in.contains(text), ..Expected::default() };
                    let text = serde_json::Value::from(text.as_str()).to_string();
                    found.judge(&spec, &cutters, &text, expected, &expression.name);
                }
            }
        }
    }
    let mut bounds = Bounds::default();
    for case in &expressions.refused_or_hostile {
        let spec = spec(case.pattern.as_deref().unwrap_or_default(), &case.flags);
        let refused = !case.expect.contains(" or ") && case.expect != "bound";
        bounds.check(&case.name, &spec, &cutters, refused);
    }
    vec![whole.outcome(&subject, "texts"), found.outcome(&subject, "found"), bounds.outcome(&subject)]
}
