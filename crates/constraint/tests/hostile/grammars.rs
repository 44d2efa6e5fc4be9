//! Grammars.

use linnet_text::{ConstraintSpec, GrammarSyntax};

use super::Case;

pub fn gbnf(name: &str, grammar: &str) -> Case {
    let syntax = GrammarSyntax::Gbnf;
    Case::new(name, ConstraintSpec::Grammar { syntax, grammar: grammar.to_owned() })
}

fn lark(name: &str, grammar: &str) -> Case {
    let syntax = GrammarSyntax::Lark;
    Case::new(name, ConstraintSpec::Grammar { syntax, grammar: grammar.to_owned() })
}

pub fn all() -> Vec<Case> {
    [of_llama_cpp(), of_lark()].concat()
}

/// Rules, each made of the next.
fn rules(count: usize, rule: impl Fn(usize) -> String, last: &str) -> String {
    let all: Vec<String> = (0..count).map(rule).chain([last.to_owned()]).collect();
    all.join("\n")
}

fn of_llama_cpp() -> Vec<Case> {
    let doubling = |count: usize| {
        rules(count, |at| format!("r{at} ::= r{} r{}", at + 1, at + 1), &format!("r{count} ::= \"a\""))
    };
    let words =
        |count: usize| (0..count).map(|at| format!("[a-z]+ \"{at}\"")).collect::<Vec<_>>().join(" | ");
    vec![
        gbnf("an empty grammar", ""),
        gbnf("an empty rule", "root ::= "),
        gbnf("an empty rule of itself", "root ::= root | \"\""),
        gbnf("only itself", "root ::= root"),
        gbnf("left recursion", "root ::= root root | root \"a\" | \"a\" | \"\""),
        gbnf("hidden left recursion", "root ::= e root \"a\" | \"b\"\ne ::= \"\" | e e"),
        gbnf("ambiguous everywhere", "root ::= root root root | root root | [a-z] | \"\""),
        gbnf("rules that double 16 times", &format!("root ::= r0\n{}", doubling(16))),
        gbnf("rules that double 200 times", &format!("root ::= r0\n{}", doubling(200))),
        gbnf("rules that double in recursion", &format!("root ::= r0 | \"(\" root \")\"\n{}", doubling(16))),
        gbnf("counts in counts", "root ::= ((((\"x\" | root){1,100}){1,100}){1,100}){1,100}"),
        gbnf("2,000 copies of recursion", "root ::= (\"x\" root \"y\" | \"z\" | root){0,2000}"),
        gbnf(
            "5,000 recursive rules",
            &format!(
                "root ::= r0\n{}",
                rules(5_000, |at| format!("r{at} ::= \"a\" r{} | r0 \"b\"", at + 1), "r5000 ::= \"c\"")
            ),
        ),
        gbnf(
            "50,000 rules",
            &format!("root ::= r0\n{}", rules(50_000, |at| format!("r{at}::=r{}", at + 1), "r50000::=\"c\"")),
        ),
        gbnf(
            "rules in the worst order",
            &format!(
                "{}\nroot ::= r2999",
                rules(
                    3_000,
                    |at| format!("r{} ::= \"x\" r{}", 2_999 - at, 2_998_usize.wrapping_sub(at).min(3_000)),
                    "r3000 ::= \"c\""
                )
            ),
        ),
        gbnf("many recursive words", &format!("root ::= ({} | \"(\" root \")\")*", words(48))),
        gbnf("many more recursive words", &format!("root ::= ({} | \"(\" root \")\")*", words(1_000))),
        gbnf(
            "hard lexemes",
            "root ::= ([ab]* \"a\" [ab]{30} \"c\" | [ab]* \"b\" [ab]{31} \"c\" | \"(\" root \")\")*",
        ),
        gbnf("99 groups", &format!("root ::= {}\"a\"{}", "(".repeat(99), ")*".repeat(99))),
        gbnf("100,000 groups", &format!("root ::= {}", "(".repeat(100_000))),
        gbnf("60,000 literals", &format!("root ::= {}", "\"a\" ".repeat(60_000))),
        gbnf("60,000 literals in recursion", &format!("root ::= {} root | \"b\"", "\"a\" ".repeat(60_000))),
        gbnf("60,000 alternatives", &format!("root ::= \"z\"{}", "|\"a\"".repeat(60_000))),
        gbnf(
            "a class of everything but 4,000",
            &format!(
                "root ::= [^{}]+",
                (0..4_000).map(|at| format!("\\u{:04X}", 0x100 + at * 2)).collect::<String>()
            ),
        ),
        gbnf("a rule defined 20,000 times", &"root ::= \"a\"\n".repeat(20_000)),
        gbnf("a comment of 250 kB", &format!("root ::= \"a\" #{}", "#".repeat(250_000))),
        gbnf("a megabyte", &"root ::= \"a\"\n".repeat(100_000)),
    ]
}

fn of_lark() -> Vec<Case> {
    let doubling = |count: usize| {
        rules(count, |at| format!("r{at}: r{} r{}", at + 1, at + 1), &format!("r{count}: \"a\""))
    };
    let terminals = |count: usize| {
        rules(count, |at| format!("T{at}: T{} T{}", at + 1, at + 1), &format!("T{count}: \"a\""))
    };
    vec![
        lark("an empty grammar of Lark", ""),
        lark("an empty rule of Lark", "start: "),
        lark("only itself in Lark", "start: start"),
        lark("left recursion in Lark", "start: start start | start \"a\" | \"a\" | "),
        lark("ambiguous in Lark", "start: start start start | start start | /[a-z]/ | "),
        lark("a terminal of itself", "start: A\nA: A \"a\" | \"b\""),
        lark("rules of Lark that double 200 times", &format!("start: r0\n{}", doubling(200))),
        lark("terminals that double 24 times", &format!("start: T0\n{}", terminals(24))),
        lark("terminals that double 12 times", &format!("start: T0\n{}", terminals(12))),
        lark(
            "500 rules of Lark",
            &format!("start: r0\n{}", rules(500, |at| format!("r{at}: \"a\" r{}", at + 1), "r500: \"c\"")),
        ),
        lark(
            "10,000 rules of Lark",
            &format!(
                "start: r0\n{}",
                rules(10_000, |at| format!("r{at}: \"a\" r{}", at + 1), "r10000: \"c\"")
            ),
        ),
        lark("a hard expression in Lark", "start: /(a|b)*a(a|b){400}/"),
        lark("counts in Lark", "start: (\"a\"{1,1000}){1,1000}"),
        lark("nested counts of an expression in Lark", "start: /((a{1,100}){1,100}){1,100}/"),
        lark("a billion copies in Lark", "start: \"a\"{1000000000}"),
        lark("a billion copies of an expression in Lark", "start: /a{1000000000}/"),
        lark("10,000 groups in Lark", &format!("start: {}\"a\"{}", "(".repeat(10_000), ")".repeat(10_000))),
        lark(
            "10,000 groups of an expression in Lark",
            &format!("start: /{}a{}/", "(".repeat(10_000), ")".repeat(10_000)),
        ),
        lark("60,000 alternatives in Lark", &format!("start: \"z\"{}", "|\"a\"".repeat(60_000))),
        lark("Unicode in Lark", "start: /(\\p{L}\\p{N}|[^\\p{Greek}].{3,60}){1,50}/"),
        lark(
            "ignored text",
            "start: (A | B)*\nA: /a+/\nB: /b+/\n%ignore /[ \\n]+/\n%ignore /(x|y)*x(x|y){30}/",
        ),
        lark("intersections", "start: A\nA: /(a|b)*a(a|b){12}/ & /(a|b)*b(a|b){13}/ & ~/.*abab.*/"),
        lark("a look-ahead in Lark", "start: /a(?=b)/ /\\1/"),
        lark(
            "many terminals",
            &format!(
                "start: ({})*\n{}",
                (0..500).map(|at| format!("A{at}")).collect::<Vec<_>>().join("|"),
                (0..500).map(|at| format!("A{at}: /[a-z]+{at}/")).collect::<Vec<_>>().join("\n")
            ),
        ),
    ]
}
