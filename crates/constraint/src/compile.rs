//! From a specification to a running constraint.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use linnet_text::{ConstraintError, ConstraintErrorCode, ConstraintSpec, GrammarSyntax};
use llguidance::api::GrammarInit;

use crate::automaton::Automaton;
use crate::grammar::Grammar;
use crate::javascript::{self, Flags};
use crate::pattern::Pattern;
use crate::vocabulary::Vocabulary;
use crate::{gbnf, lark, limits, parts, schema};

/// Why calls in some formats cannot be held to a schema.
const OPEN: &str =
    "this model's format of calls leaves open where a value ends, so calls cannot be held to a schema";

/// Compiles a constraint for a vocabulary.
///
/// # Errors
/// [`ConstraintErrorCode::Invalid`] if it is malformed, [`ConstraintErrorCode::Unsupported`] if it cannot be enforced
/// exactly, [`ConstraintErrorCode::Unsatisfiable`] if no text fits it, and [`ConstraintErrorCode::TooComplex`] if it
/// exceeds a limit.
pub fn compile(spec: &ConstraintSpec, vocabulary: &Arc<Vocabulary>) -> Result<Automaton, ConstraintError> {
    limits::refuel();
    let grammar = match spec {
        ConstraintSpec::Regex { pattern, flags } => {
            Grammar::of(javascript::whole(pattern, Flags::parse(flags)?)?)
        }
        ConstraintSpec::Choices { choices } => choice(choices)?,
        ConstraintSpec::Grammar { syntax: GrammarSyntax::Gbnf, grammar } => gbnf::parse(grammar)?,
        ConstraintSpec::Grammar { syntax: GrammarSyntax::Lark, grammar } => {
            return Automaton::new(vocabulary.clone(), lark::check(grammar)?, true);
        }
        ConstraintSpec::JsonObject { whitespace } => {
            schema::grammar(&serde_json::json!({ "type": "object" }), *whitespace)?
        }
        ConstraintSpec::JsonSchema { schema, whitespace } => schema::grammar(schema, *whitespace)?,
        ConstraintSpec::Calls(calls) => match calls.parts() {
            Some(parts) => parts::grammar(&parts)?,
            None => return Err(ConstraintError::new(ConstraintErrorCode::Unsupported, OPEN)),
        },
    };
    let grammar = grammar.without_dead_ends()?;
    Automaton::new(vocabulary.clone(), lower(&grammar)?, grammar.is_hard())
}

/// The grammar for llguidance, which panics on some expressions. (In a page this is a trap of the module.)
fn lower(grammar: &Grammar) -> Result<GrammarInit, ConstraintError> {
    catch_unwind(AssertUnwindSafe(|| grammar.lower())).unwrap_or_else(|_| {
        Err(ConstraintError::new(ConstraintErrorCode::TooComplex, "an expression cannot be compiled"))
    })
}

fn choice(choices: &[String]) -> Result<Grammar, ConstraintError> {
    if choices.len() > limits::RULES {
        let reason = format!("there are {} choices; the limit is {}", choices.len(), limits::RULES);
        return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
    }
    let bytes: usize = choices.iter().map(String::len).sum();
    if bytes > limits::GRAMMAR_BYTES {
        let reason = format!("the choices have {bytes} bytes; the limit is {}", limits::GRAMMAR_BYTES);
        return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
    }
    Ok(Grammar::of(Pattern::or(choices.iter().map(|choice| Pattern::literal(choice)))))
}
