//! Constraints of every kind, by the texts that they let an answer be.

mod calls;
mod errors;
mod forms;
mod schemas;
mod tokens;
#[path = "../../../../tests/support/turn.rs"]
mod turn;

use std::sync::Arc;

use linnet_constraint::{Automaton, Vocabulary, compile};
use linnet_text::{Constraint, ConstraintError, ConstraintSpec, GrammarSyntax, Whitespace};
use serde_json::Value;

/// Compiles for single bytes.
fn compiled(spec: &ConstraintSpec) -> Result<Automaton, ConstraintError> {
    compile(spec, &Arc::new(Vocabulary::bytes().unwrap()))
}

/// Whether an answer can be this text.
fn accepts(automaton: &Automaton, text: &str) -> bool {
    let mut automaton = automaton.clone();
    text.bytes().all(|byte| automaton.try_commit(u32::from(byte)).unwrap())
        && automaton.is_accepting().unwrap()
}

fn check(spec: &ConstraintSpec, right: &[&str], wrong: &[&str]) {
    let automaton = compiled(spec).unwrap();
    for text in right {
        assert!(accepts(&automaton, text), "{spec:?}: {text:?}");
    }
    for text in wrong {
        assert!(!accepts(&automaton, text), "{spec:?}: {text:?}");
    }
}

fn regex(pattern: &str, flags: &str) -> ConstraintSpec {
    ConstraintSpec::Regex { pattern: pattern.to_owned(), flags: flags.to_owned() }
}

fn grammar(syntax: GrammarSyntax, grammar: &str) -> ConstraintSpec {
    ConstraintSpec::Grammar { syntax, grammar: grammar.to_owned() }
}

fn schema(schema: Value) -> ConstraintSpec {
    ConstraintSpec::JsonSchema { schema, whitespace: Whitespace::Compact }
}
