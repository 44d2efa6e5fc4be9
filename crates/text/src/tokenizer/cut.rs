//! The patterns that cut text into words, as code: what a backtracking regular expression would find, in one pass and
//! without its tables. The tests hold each against its published expression.

use super::class::{Class, first, run};

/// What one pattern matches. The expressions are those of llama.cpp, except that marks count as letters where
/// `o200k_base` says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
    Gpt2,
    /// `cl100k_base` and its kin: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|`
    /// ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`.
    Cl100k {
        /// Digits in a word, at most.
        digits: usize,
        /// Marks are letters (but may come first in place of another sign).
        marks: bool,
    },
    /// `o200k_base` and its kin: words end where lower case is followed by upper case, contractions belong to their
    /// word, and `/` may follow signs as a line end may.
    O200k {
        /// Digits in a word, at most.
        digits: usize,
        /// Whether there are contractions.
        contractions: bool,
    },
    /// `\p{N}`.
    Digit,
    /// `\p{N}+`.
    Digits,
    /// `[0-9][0-9][0-9]`.
    ThreeDigits,
    /// `[\p{P}$+<=>^~|]+`.
    Signs,
}

impl Cut {
    /// Bytes of the match that `text` begins with; 0 where there is none. `text` ends where the piece to cut ends.
    pub(super) fn length(self, text: &str) -> usize {
        let Some((c, class)) = first(text) else { return 0 };
        match self {
            Self::Gpt2 => gpt2(text, class),
            Self::Cl100k { digits, marks } => {
                let letter = |class: Class| class.is_letter() || marks && class == Class::Mark;
                contraction(text, true)
                    .or_else(|| word(text, c, class, letter))
                    .or_else(|| number(text, class, digits))
                    .or_else(|| signs(text, letter, &['\r', '\n']))
                    .unwrap_or_else(|| space(text, true))
            }
            Self::O200k { digits, contractions } => cased_word(text, c, class)
                .map(|end| match contraction(&text[end..], true) {
                    Some(more) if contractions => end + more,
                    _ => end,
                })
                .or_else(|| number(text, class, digits))
                .or_else(|| signs(text, Class::is_letter, &['\r', '\n', '/']))
                .unwrap_or_else(|| space(text, true)),
            Self::Digit => number(text, class, 1).unwrap_or(0),
            Self::Digits => number(text, class, usize::MAX).unwrap_or(0),
            Self::ThreeDigits => {
                let three = text.as_bytes().get(..3);
                three.filter(|three| three.iter().all(u8::is_ascii_digit)).map_or(0, <[u8]>::len)
            }
            Self::Signs => {
                let sign = |c: char| "$+<=>^~|".contains(c) || Class::of(c) == Class::Punctuation;
                text.find(|c| !sign(c)).unwrap_or(text.len())
            }
        }
    }
}

fn gpt2(text: &str, class: Class) -> usize {
    if let Some(end) = contraction(text, false) {
        return end;
    }
    let after_space = text.strip_prefix(' ').unwrap_or(text);
    let class = first(after_space).map_or(class, |(_, class)| class);
    let skipped = text.len() - after_space.len();
    match class {
        Class::Space => space(text, false),
        Class::Number => skipped + run(after_space, |class| class == Class::Number),
        class if class.is_letter() => skipped + run(after_space, Class::is_letter),
        _ => skipped + run(after_space, |class| is_sign(class, Class::is_letter)),
    }
}

/// `'s|'t|'re|'ve|'m|'ll|'d`, in capitals too if `any_case`.
fn contraction(text: &str, any_case: bool) -> Option<usize> {
    let rest = text.as_bytes().strip_prefix(b"'")?;
    ["s", "t", "re", "ve", "m", "ll", "d"]
        .iter()
        .find(|ending| match rest.get(..ending.len()) {
            Some(found) if any_case => found.eq_ignore_ascii_case(ending.as_bytes()),
            Some(found) => found == ending.as_bytes(),
            None => false,
        })
        .map(|ending| 1 + ending.len())
}

/// Whether a sign may come before the letters of a word: `[^\r\n\p{L}\p{N}]`.
fn may_lead(c: char, class: Class) -> bool {
    !(matches!(c, '\r' | '\n') || class == Class::Number || class.is_letter())
}

/// `[^\r\n\p{L}\p{N}]?` and letters.
fn word(text: &str, c: char, class: Class, letter: impl Fn(Class) -> bool) -> Option<usize> {
    let lead = if letter(class) {
        0
    } else if may_lead(c, class) {
        c.len_utf8()
    } else {
        return None;
    };
    let letters = run(&text[lead..], letter);
    (letters > 0).then_some(lead + letters)
}

/// `[^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*`, where U and L are what is like upper and lower case and caseless
/// letters are both.
fn cased_word(text: &str, c: char, class: Class) -> Option<usize> {
    let lead = may_lead(c, class).then_some(c.len_utf8());
    let leads = || lead.into_iter().chain([0]);
    leads()
        .find_map(|lead| {
            let upper = lead + run(&text[lead..], Class::is_upper_like);
            let lower = run(&text[upper..], Class::is_lower_like);
            if lower > 0 {
                return Some(upper + lower);
            }
            // U* gives back characters until what it gives back is like lower case.
            let given_back = |(_, c): &(usize, char)| Class::of(*c).is_lower_like();
            let (at, c) = text[lead..upper].char_indices().rev().find(given_back)?;
            Some(lead + at + c.len_utf8())
        })
        .or_else(|| {
            leads().find_map(|lead| {
                let upper = run(&text[lead..], Class::is_upper_like);
                (upper > 0).then_some(lead + upper)
            })
        })
}

/// `\p{N}{1,most}`.
fn number(text: &str, class: Class, most: usize) -> Option<usize> {
    if class != Class::Number {
        return None;
    }
    let digits = text.chars().take(most).take_while(|&c| Class::of(c) == Class::Number);
    Some(digits.map(char::len_utf8).sum())
}

/// `[^\s\p{L}\p{N}]`.
fn is_sign(class: Class, letter: impl Fn(Class) -> bool) -> bool {
    !(matches!(class, Class::Space | Class::Number) || letter(class))
}

/// ` ?[^\s\p{L}\p{N}]+` and any of `tail`.
fn signs(text: &str, letter: impl Fn(Class) -> bool, tail: &[char]) -> Option<usize> {
    let after_space = text.strip_prefix(' ').unwrap_or(text);
    let signs = run(after_space, |class| is_sign(class, &letter));
    let after = &after_space[signs..];
    (signs > 0).then(|| text.len() - after.trim_start_matches(tail).len())
}

/// `\s*[\r\n]+` if `lines`, else or then `\s+(?!\S)|\s+`: whitespace before something leaves it its last character.
fn space(text: &str, lines: bool) -> usize {
    let space = &text[..run(text, |class| class == Class::Space)];
    if lines && let Some(end) = space.rfind(['\r', '\n']) {
        return end + 1;
    }
    let last = space.chars().next_back().map_or(0, char::len_utf8);
    if space.len() < text.len() && last < space.len() { space.len() - last } else { space.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, proptest};

    use super::Cut;

    const CONTRACTIONS: &str = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

    /// Each pattern with its published expression.
    fn patterns() -> Vec<(Cut, String)> {
        let cl100k = |digits: &str, letters: &str| {
            format!(
                r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?[{letters}]+|\p{{N}}{digits}| ?[^\s{letters}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            )
        };
        let o200k = |digits: &str, contractions: &str| {
            let (lead, upper, lower) =
                (r"[^\r\n\p{L}\p{N}]?", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]");
            format!(
                r"{lead}{upper}*{lower}+{contractions}|{lead}{upper}+{lower}*{contractions}|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            )
        };
        let gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
        vec![
            (Cut::Gpt2, gpt2.to_owned()),
            (Cut::Cl100k { digits: 3, marks: false }, cl100k("{1,3}", r"\p{L}")),
            (Cut::Cl100k { digits: 1, marks: false }, cl100k("", r"\p{L}")),
            (Cut::Cl100k { digits: 1, marks: true }, cl100k("", r"\p{L}\p{M}")),
            (Cut::O200k { digits: 3, contractions: true }, o200k("{1,3}", &format!("{CONTRACTIONS}?"))),
            (Cut::O200k { digits: 1, contractions: false }, o200k("", "")),
            (Cut::Digit, r"\p{N}".to_owned()),
            (Cut::Digits, r"\p{N}+".to_owned()),
            (Cut::ThreeDigits, "[0-9][0-9][0-9]".to_owned()),
            (Cut::Signs, r"[\p{P}$+<=>^~|]+".to_owned()),
        ]
    }

    /// Text of few kinds of characters, so that the patterns' alternatives meet, and sometimes of any.
    fn text() -> impl Strategy<Value = String> {
        let few =
            "([a-bA-BéÉǅʰ東\u{301}\u{93f}0-9²٣Ⅷ '/.$+|_ \t\r\n\u{a0}\u{3000}😀\u{200d}]|'(s|RE|ll|D)){0,16}";
        (few, proptest::collection::vec(any::<char>(), 0..4))
            .prop_map(|(text, rest)| text + &String::from_iter(rest))
    }

    thread_local! {
        static PATTERNS: Vec<(Cut, fancy_regex::Regex)> = patterns()
            .into_iter()
            .map(|(cut, pattern)| (cut, fancy_regex::Regex::new(&format!(r"\A(?:{pattern})")).unwrap()))
            .collect();
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
        #[test]
        fn finds_what_the_expressions_find(text in text()) {
            PATTERNS.with(|patterns| {
                for (cut, pattern) in patterns {
                    for (at, _) in text.char_indices() {
                        let expected = pattern.find(&text[at..]).unwrap().map_or(0, |found| found.end());
                        assert_eq!(cut.length(&text[at..]), expected, "{cut:?} {:?}", &text[at..]);
                    }
                }
            });
        }
    }
}
