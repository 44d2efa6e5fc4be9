//! Grammars in Lark's syntax. llguidance reads them itself; here what this crate does not offer is rejected.

use linnet_text::{ConstraintError, ConstraintErrorCode};
use llguidance::api::{GrammarInit, TopLevelGrammar};

use crate::limits;

/// Checks a grammar's size, and that it uses no directive but `%ignore`, `%import common`, `%declare` and `%regex`, no
/// tokens and no other grammars.
///
/// # Errors
/// [`ConstraintErrorCode::TooComplex`], [`ConstraintErrorCode::Unsupported`]. llguidance reports what is malformed.
pub fn check(grammar: &str) -> Result<GrammarInit, ConstraintError> {
    if grammar.len() > limits::GRAMMAR_BYTES {
        let reason =
            format!("the grammar has {} bytes; the limit is {}", grammar.len(), limits::GRAMMAR_BYTES);
        return Err(ConstraintError::new(ConstraintErrorCode::TooComplex, reason));
    }
    let code = code_only(grammar);
    let unsupported = |what: &str| {
        Err(ConstraintError::new(
            ConstraintErrorCode::Unsupported,
            format!("a grammar with {what} is not supported"),
        ))
    };
    for word in code.split('%').skip(1) {
        let name: String = word.chars().take_while(char::is_ascii_alphanumeric).collect();
        if !matches!(&*name, "ignore" | "import" | "declare" | "regex") {
            return unsupported(&format!("%{name}"));
        }
    }
    if code.contains('<') {
        return unsupported("tokens (`<...>`)");
    }
    if code.contains('@') {
        return unsupported("other grammars (`@...`)");
    }
    let has_attributes = |line: &str| line.split_once(':').is_some_and(|(name, _)| name.contains('['));
    if code.lines().any(has_attributes) {
        return unsupported("attributes of rules (`[stop=...]`)");
    }
    Ok(GrammarInit::Serialized(TopLevelGrammar::from_lark(grammar.to_owned())))
}

/// The grammar without its strings, expressions and comments.
fn code_only(grammar: &str) -> String {
    let mut code = String::new();
    let mut rest = grammar.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' | '/' if c == '"' || rest.peek() != Some(&'/') => {
                code.push(c);
                while let Some(inner) = rest.next() {
                    match inner {
                        '\\' => drop(rest.next()),
                        '\n' => break,
                        _ if inner == c => break,
                        _ => {}
                    }
                }
            }
            '/' | '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            c => code.push(c),
        }
    }
    code
}
