//! Expressions, grammars and choices.

use linnet_text::{ConstraintErrorCode, ConstraintSpec, GrammarSyntax};

use super::{check, compiled, grammar, regex};

#[test]
fn expressions_mean_what_javascript_means() {
    check(&regex(r"\d+-\w", ""), &["12-a", "0-_"], &["-a", "12-", "1-é", "١-a"]);
    check(&regex("^a$|b+", ""), &["a", "b", "bb"], &["ab", ""]);
    check(&regex("straße", "iu"), &["STRAßE", "straße"], &["strasse"]);
    check(&regex("k", "i"), &["k", "K"], &["\u{212a}"]);
    check(
        &regex("[a-k\u{e0}-\u{ff}]+[\u{3b1}-\u{3c9}]", "i"),
        &["Ké\u{3a9}", "bÉ\u{3b1}"],
        &["\u{212a}\u{3b1}", "lé\u{3b1}"],
    );
    check(&regex("((a*)+)*b|(c?)+", ""), &["b", "aab", "", "cc"], &["ac", "ba"]);
    check(&regex("k", "iu"), &["k", "K", "\u{212a}"], &["c"]);
    check(&regex("a.c", ""), &["abc", "aéc"], &["a\nc", "a\u{2028}c", "a😀c"]);
    check(&regex("a.c", "su"), &["a\nc", "a😀c"], &["ac"]);
    check(&regex("<.*>", ""), &["<>", "<😀>"], &["<"]);
    check(&regex(r"[^\s\d]{2}", ""), &["ab", "é日"], &["a1", "a ", "a"]);
    check(&regex(r"(\d(?!$)|x$)+", ""), &["12x", "x"], &["12", "1"]);
    check(&regex("(|a)b", ""), &["b", "ab"], &["a", "aab"]);
}

#[test]
fn grammars_of_llama_cpp_are_exact() {
    let arithmetic = "root ::= term ((\"+\" | \"-\") term)*\nterm ::= [0-9]+ | \"(\" root \")\" # nested";
    check(&grammar(GrammarSyntax::Gbnf, arithmetic), &["1+2", "(12-(3))"], &["1+", "(1", "+1", ""]);
    // The longest match must not hide a shorter one.
    let greedy = "root ::= [a-z]* \"b\" | \"(\" root \")\"";
    check(&grammar(GrammarSyntax::Gbnf, greedy), &["b", "ab", "bbb", "((ab))"], &["a", "(ab", "b)"]);
    let left = "root ::= root \"a\" | \"a\"";
    check(&grammar(GrammarSyntax::Gbnf, left), &["a", "aaaa"], &["", "b"]);
    let counted = "root ::= (\"x\" root \"y\" | \"z\"){2,3}";
    check(&grammar(GrammarSyntax::Gbnf, counted), &["zz", "zzz", "xzzyz"], &["z", "zzzz", "xzyz"]);
}

#[test]
fn lark_grammars_are_read() {
    let lark = "start: WORD (\",\" WORD)*\nWORD: /[a-z]+/";
    check(&grammar(GrammarSyntax::Lark, lark), &["ab", "a,b"], &["a,", "A"]);
}

#[test]
fn choices_are_texts() {
    let choices = ["yes", "yes, sir", "no"].map(str::to_owned).to_vec();
    check(&ConstraintSpec::Choices { choices }, &["yes", "yes, sir", "no"], &["", "ye", "yes,", "nope"]);
}

#[test]
fn long_chains_of_lark_rules_are_refused() {
    let chain = |length: usize| {
        let rules: String = (0..length).map(|at| format!("r{at}: \"a\" r{}\n", at + 1)).collect();
        grammar(GrammarSyntax::Lark, &format!("start: r0\n{rules}r{length}: \"c\"\n"))
    };
    let vocabulary = std::sync::Arc::new(linnet_constraint::Vocabulary::bytes().unwrap());
    assert!(linnet_constraint::compile(&chain(190), &vocabulary).is_ok());
    for length in [200, 10_000] {
        let error = linnet_constraint::compile(&chain(length), &vocabulary).unwrap_err();
        assert_eq!(error.code.name(), "too-complex", "{error}");
    }
}

#[test]
fn equal_alternatives_are_one() {
    check(&regex("ab|ab$|c", ""), &["ab", "c"], &["", "abab"]);
    let choices = vec!["a\0\0\0\0".to_owned(); 3];
    check(&ConstraintSpec::Choices { choices }, &["a\0\0\0\0"], &["a"]);
    // llguidance does not see that these are equal, and panics.
    let error = compiled(&regex("A\u{1f}\0\0\0$|A\u{1f}\0\0\0", "")).unwrap_err();
    assert_eq!(error.code, ConstraintErrorCode::TooComplex);
}
