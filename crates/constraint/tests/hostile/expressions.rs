//! Expressions and choices.

use linnet_text::ConstraintSpec;

use super::Case;

pub fn regex(name: &str, pattern: &str, flags: &str) -> Case {
    Case::new(name, ConstraintSpec::Regex { pattern: pattern.to_owned(), flags: flags.to_owned() })
}

pub fn all() -> Vec<Case> {
    let choices = |choices: Vec<String>| ConstraintSpec::Choices { choices };
    let numbered = |count: usize, text: &str| (0..count).map(|at| format!("{text}{at}")).collect::<Vec<_>>();
    let nested =
        |depth: usize, open: &str, close: &str| format!("{}a{}", open.repeat(depth), close.repeat(depth));
    vec![
        regex("a set of the 20th last character", "(a|b)*a(a|b){20}", ""),
        regex("a set of the 400th last character", "[ab]*a[ab]{400}", ""),
        regex("nested stars", &nested(50, "(", "*)*b"), ""),
        regex("99 groups", &nested(99, "(", ")"), ""),
        regex("10,000 groups", &nested(10_000, "(", ")"), ""),
        regex("100,000 open groups", &"(".repeat(100_000), ""),
        regex("nested counts", "((((x{0,20}){0,20}){0,20}){0,20}){0,20}", ""),
        regex("200,000 copies", "(abcdefghij){10000}{2}", ""),
        regex("10,000 copies of anything", "(.{0,10}b){9999}", "s"),
        regex("10,000 copies of a property", "\\p{L}{1,10000}\\p{Lu}", "u"),
        regex("two endless runs with the same start", ".*.*.*.*.*.*.*.*.*.*=.*", ""),
        regex("many alternatives with the same start", &numbered(1_500, "aaaa").join("|"), ""),
        regex("many alternatives of many", &format!("({}){{1,80}}", numbered(80, "(x|y)*").join("|")), ""),
        regex("optional parts", &format!("{}{}", "a?".repeat(500), "a".repeat(500)), ""),
        regex("all properties", &"[\\p{L}\\P{Lu}\\p{Script=Han}\\p{Sc}]".repeat(100), "u"),
        regex("letter case of everything", &"[\\u0000-\\uffff]".repeat(60), "i"),
        regex("letter case of many letters", &"éèêëàâäôöûüç".repeat(80), "i"),
        regex("letter case with Unicode", &"[\\p{L}ß]".repeat(200), "iu"),
        regex(
            "a class of 5,000 ranges",
            &format!("[{}]+", (0..2_000).map(|at| format!("\\u{:04x}", at * 3)).collect::<String>()),
            "",
        ),
        regex("anchors in repetitions", "(^a|b$|c)*(d|^e|f$){1,16}", ""),
        regex("anchors in nested repetitions", "((^a|b$){0,16}|(c|^d){0,16}){0,16}", ""),
        regex("anchors in alternatives", &"(^a|b|c$|^d$|)".repeat(200), ""),
        regex("look-ahead", "(?=.*a)(?=.*b)(?!.*c.{40}d).{8,}", ""),
        regex("look-behind", "(?<=a{1000})b", ""),
        regex("back references", "(a+)(b+)\\1\\2{100}", ""),
        regex("16 kB of text", &"x".repeat(16 << 10), ""),
        regex("a megabyte of text", &"x".repeat(1 << 20), ""),
        regex("a code that is none", "\\u{ffffffffff}\\x1", "u"),
        Case::new("4,000 choices", choices(numbered(4_000, "choice "))),
        Case::new(
            "10,000 choices with the same end",
            choices((0..10_000).map(|at| format!("{at} choice")).collect()),
        ),
        Case::new("a choice of 200,000 characters", choices(vec!["ab".repeat(100_000), "ab".repeat(20_000)])),
        Case::new("1,000,000 choices", choices(vec![String::new(); 1_000_000])),
    ]
}
