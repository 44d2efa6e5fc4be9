//! Grammars in Lark's syntax. llguidance reads them itself; here what this crate does not offer is rejected.

use std::collections::BTreeMap;

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
    // Texts and expressions end with their line; other groups need not.
    check_depth(&code, false)?;
    check_depth(grammar, true)?;
    check_rules(&code)?;
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

fn too_complex(reason: String) -> ConstraintError {
    ConstraintError::new(ConstraintErrorCode::TooComplex, reason)
}

/// Checks how deep groups are nested, of expressions too: llguidance follows them by recursion. Brackets in texts are
/// counted as well.
fn check_depth(grammar: &str, in_line: bool) -> Result<(), ConstraintError> {
    let mut depth = 0_usize;
    for c in grammar.chars() {
        match c {
            '\n' if in_line => depth = 0,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::DEPTH {
            return Err(too_complex(format!("groups are nested deeper than {}", limits::DEPTH)));
        }
    }
    Ok(())
}

/// Checks the number of rules, and how large terminals are once those that they refer to are written out, as llguidance
/// does.
fn check_rules(code: &str) -> Result<(), ConstraintError> {
    let mut bodies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in code.lines() {
        let (name, body) = line.split_once(':').unwrap_or((current, line));
        current = name.trim_start_matches(['?', '!']).split(['.', '{', ' ']).next().unwrap_or_default();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let names =
            body.split(|c| !is_part(c)).filter(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
        bodies.entry(current).or_default().extend(names);
    }
    if bodies.len() > limits::LARK_RULES {
        let reason = format!("the grammar has {} rules; the limit is {}", bodies.len(), limits::LARK_RULES);
        return Err(too_complex(reason));
    }
    let alternatives = code.matches('|').count();
    if alternatives > limits::ALTERNATIVES {
        return Err(too_complex(format!(
            "{alternatives} alternatives; the limit is {}",
            limits::ALTERNATIVES
        )));
    }
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    // A terminal that needs more passes is deeper than any other group may be.
    for _ in 0..limits::DEPTH {
        let mut next = BTreeMap::new();
        for (name, parts) in &bodies {
            let of = |part: &&str| {
                if bodies.contains_key(part) { sizes.get(part).copied().unwrap_or(1) } else { 1 }
            };
            let size = parts.iter().map(of).fold(1, u64::saturating_add);
            let is_terminal = name.starts_with(|c: char| c.is_ascii_uppercase());
            if is_terminal && size > limits::EXPANDED_NODES / 10 {
                return Err(too_complex(format!("the terminal `{name}` is too large")));
            }
            next.insert(*name, if is_terminal { size } else { 1 });
        }
        if next == sizes {
            return Ok(());
        }
        sizes = next;
    }
    Err(too_complex(format!("terminals refer to one another deeper than {}", limits::DEPTH)))
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
