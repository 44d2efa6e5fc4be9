//! Limits for schemas, expressions and grammars, which come from pages.

use std::cell::Cell;

use linnet_text::{ConstraintError, ConstraintErrorCode};
use llguidance::api::ParserLimits;

/// Longest expression, in bytes.
pub const EXPRESSION_BYTES: usize = 16 << 10;
/// Longest grammar, in bytes.
pub const GRAMMAR_BYTES: usize = 256 << 10;
/// Deepest nesting of an expression or a grammar.
pub const DEPTH: usize = 100;
/// Largest bound of a repetition in an expression or a grammar.
pub const REPETITIONS: u32 = 10_000;
/// Most nodes of an expression once nested repetitions are written out.
pub const EXPANDED_NODES: u64 = 200_000;
/// Most expressions that one text must match, or not match.
pub const INTERSECTED: usize = 16;
/// Work to find out whether an expression matches anything, in nodes of expressions.
pub const EMPTINESS_FUEL: u64 = 20_000;
/// Work to compile a constraint, in steps of about 100 ns: questions about expressions, and combinations of subschemas.
const COMPILE_FUEL: u64 = 1_000_000;
/// Most rules of a grammar.
pub const RULES: usize = 20_000;
/// Most rules and terminals of a grammar in Lark's syntax, whose references llguidance follows by recursion.
pub const LARK_RULES: usize = 200;

thread_local! {
    /// What is left of [`COMPILE_FUEL`].
    static FUEL: Cell<u64> = const { Cell::new(COMPILE_FUEL) };
}

/// Starts to compile a constraint on this thread.
pub fn refuel() {
    FUEL.set(COMPILE_FUEL);
}

/// What is left of the work to compile a constraint.
pub fn fuel() -> u64 {
    FUEL.get()
}

/// Counts work.
///
/// # Errors
/// [`ConstraintErrorCode::TooComplex`] if it was the last that the constraint may take.
pub fn spend(work: usize) -> Result<(), ConstraintError> {
    let left = FUEL.get().saturating_sub(work as u64);
    FUEL.set(left);
    if left > 0 {
        return Ok(());
    }
    Err(ConstraintError::new(ConstraintErrorCode::TooComplex, "compiling it takes too much work"))
}

/// Most alternatives of a grammar in Lark's syntax. llguidance compares them with one another.
pub const ALTERNATIVES: usize = 2_000;

/// The limits of llguidance.
pub fn parser() -> ParserLimits {
    ParserLimits {
        max_items_in_row: 500,
        initial_lexer_fuel: 500_000,
        step_lexer_fuel: 500_000,
        step_max_items: 50_000,
        max_lexer_states: 25_000,
        max_grammar_size: 100_000,
        // It walks the whole vocabulary before the first token.
        precompute_large_lexemes: false,
        verbose_errors: false,
    }
}
