//! Limits for schemas, expressions and grammars, which come from pages.

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
/// Work to find out whether an expression matches anything, in nodes of expressions.
pub const EMPTINESS_FUEL: u64 = 50_000;
/// Most rules of a grammar.
pub const RULES: usize = 20_000;

/// The limits of llguidance.
pub fn parser() -> ParserLimits {
    ParserLimits {
        max_items_in_row: 2_000,
        initial_lexer_fuel: 500_000,
        step_lexer_fuel: 500_000,
        step_max_items: 200_000,
        max_lexer_states: 25_000,
        max_grammar_size: 100_000,
        // It walks the whole vocabulary before the first token.
        precompute_large_lexemes: false,
        verbose_errors: false,
    }
}
