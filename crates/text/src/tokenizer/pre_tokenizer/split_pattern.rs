//! The patterns that split text into words, as code: the matches of a backtracking regular expression, in one
//! pass and without its tables. The tests compare each with its published expression.

use super::class::{Class, first, run};
use super::ranges::{self, HAN, Ranges};

/// What a pattern matches. The expressions are those published with the models; llama.cpp uses the same where
/// it can express them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SplitPattern {
    /// GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
    Gpt2,
    /// `cl100k_base` and similar: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}|`
    /// ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`.
    Cl100k {
        /// Maximum digits in a word.
        digits: usize,
        /// Marks count as letters (but may come first in place of another sign).
        marks: bool,
        /// Signs include the line ends after them.
        lines: bool,
    },
    /// `o200k_base` and similar: words end where upper case follows lower case, contractions belong to their
    /// word, and `/` may follow signs like a line end.
    O200k {
        /// Maximum digits in a word.
        digits: usize,
        /// Whether there are contractions.
        contractions: bool,
    },
    /// Kimi K2: like `o200k_base`, with `\p{Han}+` as separate words and without `/` after signs.
    KimiK2,
    /// DeepSeek V3: `[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|`
    /// `\s+(?!\S)|\s+`.
    DeepSeekV3,
    /// `\p{N}{1,most}`.
    Numbers {
        /// Maximum digits in a word.
        most: usize,
    },
    /// `[0-9][0-9][0-9]`.
    ThreeDigits,
    /// `\p{N}+`, split into groups of three from its end.
    Thousands,
    /// `[\p{P}$+<=>^~|]+`.
    Signs {
        /// Also `` ` ``.
        backtick: bool,
    },
    /// `[\r\n]`.
    LineEnd,
    /// `[^\n]+|\n+`.
    Lines,
    /// `\s+$`.
    TrailingSpace,
    /// `\s?\p{L}+`.
    SpacedLetters,
    /// `\s?\p{P}+`.
    SpacedPunctuation,
    /// `\s?[...]+`.
    SpacedRanges(Ranges),
    /// `[...]+`.
    Ranges(Ranges),
    /// ` ?[^(\s|.,!?…。，、।۔،)]+`.
    Bloom,
}

impl SplitPattern {
    /// Length in bytes of the match at the start of `text`; 0 if there is none. `text` ends where the piece
    /// to split ends.
    pub(super) fn length(self, text: &str) -> usize {
        let Some((c, class)) = first(text) else { return 0 };
        match self {
            Self::Gpt2 => gpt2(text, class),
            Self::Cl100k { digits, marks, lines } => {
                let letter = |class: Class| class.is_letter() || marks && class == Class::Mark;
                let tail: &[char] = if lines { &LINE_ENDS } else { &[] };
                contraction(text, true)
                    .or_else(|| word(text, may_lead(c, class), letter))
                    .or_else(|| number(text, digits))
                    .or_else(|| signs(text, |class| is_sign(class, letter), tail))
                    .unwrap_or_else(|| space(text, true))
            }
            Self::O200k { digits, contractions } => cased_word(text, c, class, |_| false)
                .map(|end| end + contraction(&text[end..], true).filter(|_| contractions).unwrap_or(0))
                .or_else(|| number(text, digits))
                .or_else(|| signs(text, |class| is_sign(class, Class::is_letter), &['\r', '\n', '/']))
                .unwrap_or_else(|| space(text, true)),
            Self::KimiK2 => {
                let han = |c| ranges::contains(HAN, c);
                Some(text.find(|c| !han(c)).unwrap_or(text.len()))
                    .filter(|&end| end > 0)
                    .or_else(|| {
                        let end = cased_word(text, c, class, han)?;
                        Some(end + contraction(&text[end..], true).unwrap_or(0))
                    })
                    .or_else(|| number(text, 3))
                    .or_else(|| signs(text, |class| is_sign(class, Class::is_letter), &LINE_ENDS))
                    .unwrap_or_else(|| space(text, true))
            }
            Self::DeepSeekV3 => {
                let letter = |class: Class| class.is_letter() || class == Class::Mark;
                let sign = |class| matches!(class, Class::Punctuation | Class::Symbol);
                let leads = !(LINE_ENDS.contains(&c) || sign(class) || class.is_letter());
                sign_and_word(text)
                    .or_else(|| word(text, leads, letter))
                    .or_else(|| signs(text, sign, &LINE_ENDS))
                    .unwrap_or_else(|| space(text, true))
            }
            Self::Numbers { most } => number(text, most).unwrap_or(0),
            Self::ThreeDigits => {
                let three = text.as_bytes().get(..3);
                three.filter(|three| three.iter().all(u8::is_ascii_digit)).map_or(0, <[u8]>::len)
            }
            Self::Thousands => number(text, usize::MAX).unwrap_or(0),
            Self::Signs { backtick } => {
                let sign = |c: char| {
                    "$+<=>^~|".contains(c) || backtick && c == '`' || Class::of(c) == Class::Punctuation
                };
                text.find(|c| !sign(c)).unwrap_or(text.len())
            }
            Self::LineEnd => LINE_ENDS.iter().filter(|&&end| end == c).count(),
            Self::Lines => text.find(|next| (next == '\n') != (c == '\n')).unwrap_or(text.len()),
            Self::TrailingSpace => {
                if run(text, |class| class == Class::Space) == text.len() {
                    text.len()
                } else {
                    0
                }
            }
            Self::SpacedLetters => spaced(text, class, |c| Class::of(c).is_letter()),
            Self::SpacedPunctuation => spaced(text, class, |c| Class::of(c) == Class::Punctuation),
            Self::SpacedRanges(ranges) => spaced(text, class, |c| ranges::contains(ranges, c)),
            Self::Ranges(ranges) => text.find(|c| !ranges::contains(ranges, c)).unwrap_or(text.len()),
            Self::Bloom => {
                let word = |c: char| !("(|.,!?…。，、।۔،)".contains(c) || Class::of(c) == Class::Space);
                let start = usize::from(c == ' ');
                let end = text[start..].find(|c| !word(c)).map_or(text.len(), |end| start + end);
                if end > start { end } else { 0 }
            }
        }
    }
}

const LINE_ENDS: [char; 2] = ['\r', '\n'];

/// `\s?` and characters that satisfy `holds`, at least one.
fn spaced(text: &str, class: Class, holds: impl Fn(char) -> bool) -> usize {
    let lead = if class == Class::Space { text.chars().next().map_or(0, char::len_utf8) } else { 0 };
    let found = |from: usize| text[from..].find(|c| !holds(c)).map_or(text.len(), |end| from + end);
    let end = found(lead);
    // If nothing follows the space, the space itself may match.
    if end > lead { end } else { found(0) }
}

/// `[!-/:-@\[-`{-~][A-Za-z]+`.
fn sign_and_word(text: &str) -> Option<usize> {
    let after = text.strip_prefix(|c: char| c.is_ascii_punctuation())?;
    let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    (end > 0).then_some(1 + end)
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

/// `'s|'t|'re|'ve|'m|'ll|'d`, in any case if `any_case`.
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

/// Whether a sign may precede the letters of a word: `[^\r\n\p{L}\p{N}]`.
fn may_lead(c: char, class: Class) -> bool {
    !(matches!(c, '\r' | '\n') || class == Class::Number || class.is_letter())
}

/// An optional other character if `leads`, and letters.
fn word(text: &str, leads: bool, letter: impl Fn(Class) -> bool) -> Option<usize> {
    let (c, class) = first(text)?;
    let lead = if letter(class) {
        0
    } else if leads {
        c.len_utf8()
    } else {
        return None;
    };
    let letters = run(&text[lead..], letter);
    (letters > 0).then_some(lead + letters)
}

/// `[^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*`, where U and L are like upper and lower case, caseless
/// letters are in both, and `apart` are in neither.
fn cased_word(text: &str, c: char, class: Class, apart: impl Fn(char) -> bool) -> Option<usize> {
    let upper = |c: char| Class::of(c).is_upper_like() && !apart(c);
    let lower = |c: char| Class::of(c).is_lower_like() && !apart(c);
    let end_of = |from: usize, holds: &dyn Fn(char) -> bool| {
        text[from..].find(|c| !holds(c)).map_or(text.len(), |end| from + end)
    };
    let lead = may_lead(c, class).then_some(c.len_utf8());
    let leads = || lead.into_iter().chain([0]);
    leads()
        .find_map(|lead| {
            let end_of_upper = end_of(lead, &upper);
            let end = end_of(end_of_upper, &lower);
            if end > end_of_upper {
                return Some(end);
            }
            // U* backtracks until the next character is like lower case.
            let given_back = |(_, c): &(usize, char)| lower(*c);
            let (at, c) = text[lead..end_of_upper].char_indices().rev().find(given_back)?;
            Some(lead + at + c.len_utf8())
        })
        .or_else(|| {
            leads().find_map(|lead| {
                let end = end_of(lead, &upper);
                (end > lead).then_some(end)
            })
        })
}

/// `\p{N}{1,most}`.
fn number(text: &str, most: usize) -> Option<usize> {
    let digits = text.chars().take(most).take_while(|&c| Class::of(c) == Class::Number);
    Some(digits.map(char::len_utf8).sum()).filter(|&length| length > 0)
}

/// `[^\s\p{L}\p{N}]`.
fn is_sign(class: Class, letter: impl Fn(Class) -> bool) -> bool {
    !(matches!(class, Class::Space | Class::Number) || letter(class))
}

/// ` ?`, signs, and any characters of `tail`.
fn signs(text: &str, sign: impl Fn(Class) -> bool, tail: &[char]) -> Option<usize> {
    let after_space = text.strip_prefix(' ').unwrap_or(text);
    let signs = run(after_space, sign);
    let after = &after_space[signs..];
    (signs > 0).then(|| text.len() - after.trim_start_matches(tail).len())
}

/// `\s*[\r\n]+` if `lines`, then `\s+(?!\S)|\s+`: whitespace leaves its last character to what follows.
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

    use super::super::ranges;
    use super::SplitPattern;

    const CONTRACTIONS: &str = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

    const SPACES: &str = r"\s*[\r\n]+|\s+(?!\S)|\s+";

    /// The content of a character class.
    fn class_of(ranges: ranges::Ranges) -> String {
        ranges.iter().map(|(first, last)| format!(r"\u{{{first:x}}}-\u{{{last:x}}}")).collect()
    }

    /// Each pattern with its published expression.
    fn patterns() -> Vec<(SplitPattern, String)> {
        let cl100k = |digits: &str, letters: &str| {
            let words = format!(r"[^\r\n\p{{L}}\p{{N}}]?[{letters}]+");
            format!(r"{CONTRACTIONS}|{words}|\p{{N}}{digits}| ?[^\s{letters}\p{{N}}]+[\r\n]*|{SPACES}")
        };
        let o200k = |digits: &str, contractions: &str| {
            let (lead, upper, lower) =
                (r"[^\r\n\p{L}\p{N}]?", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]");
            let words = format!("{lead}{upper}*{lower}+{contractions}|{lead}{upper}+{lower}*{contractions}");
            format!(r"{words}|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{SPACES}")
        };
        let gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
        let lead = r"[^\r\n\p{L}\p{N}]?";
        let seed_coder =
            format!(r"{CONTRACTIONS}|{lead}\p{{L}}+|\p{{N}}{{1}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{SPACES}");
        let deepseek_v3 = [
            r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##,
            r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
            r" ?[\p{P}\p{S}]+[\r\n]*",
            SPACES,
        ]
        .join("|");
        let upper = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]";
        let lower = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]";
        let kimi = [
            r"\p{Han}+".to_owned(),
            format!("{lead}{upper}*{lower}+{CONTRACTIONS}?"),
            format!("{lead}{upper}+{lower}*{CONTRACTIONS}?"),
            format!(r"\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}"),
        ]
        .join("|");
        vec![
            (SplitPattern::Gpt2, gpt2.to_owned()),
            (SplitPattern::Cl100k { digits: 3, marks: false, lines: true }, cl100k("{1,3}", r"\p{L}")),
            (SplitPattern::Cl100k { digits: 1, marks: false, lines: true }, cl100k("", r"\p{L}")),
            (SplitPattern::Cl100k { digits: 1, marks: true, lines: true }, cl100k("", r"\p{L}\p{M}")),
            (
                SplitPattern::O200k { digits: 3, contractions: true },
                o200k("{1,3}", &format!("{CONTRACTIONS}?")),
            ),
            (SplitPattern::O200k { digits: 1, contractions: false }, o200k("", "")),
            (SplitPattern::Cl100k { digits: 1, marks: false, lines: false }, seed_coder),
            (SplitPattern::KimiK2, kimi),
            (SplitPattern::DeepSeekV3, deepseek_v3),
            (SplitPattern::Numbers { most: 1 }, r"\p{N}".to_owned()),
            (SplitPattern::Numbers { most: 3 }, r"\p{N}{1,3}".to_owned()),
            (SplitPattern::Thousands, r"\p{N}+".to_owned()),
            (SplitPattern::ThreeDigits, "[0-9][0-9][0-9]".to_owned()),
            (SplitPattern::Signs { backtick: false }, r"[\p{P}$+<=>^~|]+".to_owned()),
            (SplitPattern::Signs { backtick: true }, r"[\p{P}$+<=>^~|`]+".to_owned()),
            (SplitPattern::LineEnd, r"[\r\n]".to_owned()),
            (SplitPattern::Lines, r"[^\n]+|[\n]+".to_owned()),
            (SplitPattern::TrailingSpace, r"\s+\z".to_owned()),
            (SplitPattern::SpacedLetters, r"\s?\p{L}+".to_owned()),
            (SplitPattern::SpacedPunctuation, r"\s?\p{P}+".to_owned()),
            (
                SplitPattern::SpacedRanges(ranges::DEEPSEEK_SIGNS),
                r"\s?[!-/:-~！-／：-～‘-‟　-。]+".to_owned(),
            ),
            (SplitPattern::SpacedRanges(ranges::CASED), format!(r"\s?[{}]+", class_of(ranges::CASED))),
            (SplitPattern::Ranges(ranges::DEEPSEEK_CJK), "[一-龥ࠀ-一가-\u{d7ff}]+".to_owned()),
            (SplitPattern::Ranges(ranges::CJK_AND_KANA), "[一-龥぀-ゟ゠-ヿ]+".to_owned()),
            (SplitPattern::Bloom, r" ?[^(\s|.,!?…。，、।۔،)]+".to_owned()),
        ]
    }

    /// Text from few kinds of characters, so that the alternatives compete, and sometimes from any.
    fn text() -> impl Strategy<Value = String> {
        let few = "([a-bA-BéÉǅʰ東あ々한\u{301}\u{93f}0-9²٣Ⅷ '/.,`!$+|_ \t\r\n\u{a0}\u{3000}😀\u{200d}]|'(s|RE|ll|D)){0,16}";
        (few, proptest::collection::vec(any::<char>(), 0..4))
            .prop_map(|(text, rest)| text + &String::from_iter(rest))
    }

    thread_local! {
        static PATTERNS: Vec<(SplitPattern, fancy_regex::Regex)> = patterns()
            .into_iter()
            .map(|(cut, pattern)| (cut, fancy_regex::Regex::new(&format!(r"\A(?:{pattern})")).unwrap()))
            .collect();
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
        #[test]
        fn matches_the_published_expressions(text in text()) {
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
