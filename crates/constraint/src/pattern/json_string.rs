//! Languages of texts as languages of strings in JSON and in Python.

use super::{Pattern, any_char, has, ranges};

/// The characters with a short escape, and the letters of these escapes.
const SHORT: [(char, char); 8] = [
    ('"', '"'),
    ('\\', '\\'),
    ('/', '/'),
    ('\u{8}', 'b'),
    ('\u{c}', 'f'),
    ('\n', 'n'),
    ('\r', 'r'),
    ('\t', 't'),
];

/// How the characters of a string may be spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As themselves or with a short escape; control characters without one as `\u00XX`.
    Short,
    /// In any way that JSON knows.
    Any,
    /// As themselves or with a short escape of Python, between quotes of this kind.
    Python(char),
}

impl Spelling {
    fn quote(self) -> char {
        match self {
            Self::Short | Self::Any => '"',
            Self::Python(quote) => quote,
        }
    }

    /// Whether a character has a short escape.
    fn is_short(self, c: char) -> bool {
        let is_listed = SHORT.iter().any(|(short, _)| *short == c);
        match self {
            Self::Short | Self::Any => is_listed,
            // Python keeps the backslash before others.
            Self::Python(quote) => c == quote || is_listed && !matches!(c, '"' | '/'),
        }
    }

    /// Whether a character can stand for itself.
    fn is_raw(self, c: char) -> bool {
        c >= ' ' && c != '\\' && c != self.quote()
    }
}

impl Pattern {
    /// The strings in Python, between either kind of quotes, whose text is in the language.
    pub fn python_string(&self) -> Self {
        Self::or(['"', '\''].map(|quote| self.string(Spelling::Python(quote))))
    }

    /// The JSON strings, with their quotes, whose text is in the language.
    pub fn json_string(&self, spelling: Spelling) -> Self {
        self.string(spelling)
    }

    fn string(&self, spelling: Spelling) -> Self {
        let quote = Self::literal(spelling.quote().encode_utf8(&mut [0; 4]));
        Self::concat([quote.clone(), self.spelled(spelling), quote])
    }

    /// A text has several spellings, but a spelling has one text. So spelling commutes with all operations; only a
    /// complement must be taken among the spellings.
    fn spelled(&self, spelling: Spelling) -> Self {
        let all = |parts: &[Pattern]| parts.iter().map(|part| part.spelled(spelling)).collect::<Vec<_>>();
        match self {
            Self::Never | Self::MultipleOf(..) => self.clone(),
            Self::Literal(text) => Self::concat(text.chars().map(|c| {
                if spelling.is_raw(c) && !spelling.is_short(c) {
                    Self::literal(c.encode_utf8(&mut [0; 4]))
                } else {
                    Self::one_of(&[(c, c)]).spelled(spelling)
                }
            })),
            Self::Set(set) => {
                let mut ways = vec![raw(set, spelling)];
                let single = ('\'', '\'');
                let short =
                    SHORT.iter().chain([&single]).filter(|(c, _)| spelling.is_short(*c) && has(set, *c));
                let letters: Vec<_> = short.map(|&(_, letter)| (letter, letter)).collect();
                ways.push(Self::concat([Self::literal("\\"), Self::one_of(&letters)]));
                if spelling == Spelling::Any && **set == any_char() {
                    ways.push(any_code());
                } else {
                    let coded = |c: &char| !spelling.is_short(*c) && has(set, *c);
                    ways.extend(('\0'..'\x20').filter(coded).map(control));
                }
                Self::or(ways)
            }
            Self::Concat(parts) => Self::concat(all(parts)),
            Self::Or(parts) => Self::or(all(parts)),
            Self::And(parts) => Self::and(all(parts)),
            Self::Not(inner) => Self::all().spelled(spelling).without(inner.spelled(spelling)),
            Self::Repeat(once, min, max) => once.spelled(spelling).repeat(*min, *max),
        }
    }
}

/// The characters that may stand for themselves.
fn raw(set: &super::CharSet, spelling: Spelling) -> Pattern {
    let mut raw = set.clone();
    let (before, after) = if spelling.quote() == '"' { ('!', '#') } else { ('&', '(') };
    raw.intersect(&ranges(&[(' ', before), (after, '['), (']', char::MAX)]));
    Pattern::set(raw)
}

/// `\u00XX` of a control character, in either case.
fn control(c: char) -> Pattern {
    let digits = format!("{:02x}", c as u32);
    let digit = |c: char| Pattern::one_of(&[(c, c), (c.to_ascii_uppercase(), c.to_ascii_uppercase())]);
    Pattern::concat([Pattern::literal("\\u00")].into_iter().chain(digits.chars().map(digit)))
}

/// `\uXXXX` of any character, and pairs of surrogates.
fn any_code() -> Pattern {
    let hex = || Pattern::one_of(&[('0', '9'), ('A', 'F'), ('a', 'f')]);
    let d = || Pattern::one_of(&[('D', 'D'), ('d', 'd')]);
    let not_d = Pattern::one_of(&[('0', '9'), ('A', 'C'), ('E', 'F'), ('a', 'c'), ('e', 'f')]);
    let start = || Pattern::literal("\\u");
    let low = Pattern::concat([start(), d(), Pattern::one_of(&[('C', 'F'), ('c', 'f')]), hex(), hex()]);
    Pattern::or([
        Pattern::concat([start(), not_d, hex(), hex(), hex()]),
        Pattern::concat([start(), d(), Pattern::one_of(&[('0', '7')]), hex(), hex()]),
        Pattern::concat([
            start(),
            d(),
            Pattern::one_of(&[('8', '9'), ('A', 'B'), ('a', 'b')]),
            hex(),
            hex(),
            low,
        ]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_spelled_in_all_allowed_ways() {
        let text = Pattern::literal("a/\n\u{1}é");
        let short = text.json_string(Spelling::Short);
        for right in [r#""a/\n\u0001é""#, r#""a\/\n\u0001é""#] {
            assert!(short.matches(right).unwrap(), "{right}");
        }
        for wrong in [r#""a/\n\u0001\u00e9""#, r#""a/\u000a\u0001é""#, "\"a/\n\u{1}é\"", "a"] {
            assert!(!short.matches(wrong).unwrap(), "{wrong}");
        }
    }

    #[test]
    fn an_escape_is_one_character() {
        let two = Pattern::set(any_char()).repeat(2, Some(2)).json_string(Spelling::Any);
        for right in [r#""ab""#, r#""\u00e9x""#, r#""\uD83D\uDE00\"""#, "\"日😀\""] {
            assert!(two.matches(right).unwrap(), "{right}");
        }
        for wrong in [r#""a""#, r#""\u00e9""#, r#""\uD83Dx""#, r#""\uDE00x""#, "\"a\n\""] {
            assert!(!two.matches(wrong).unwrap(), "{wrong}");
        }
    }

    #[test]
    fn strings_of_python_have_either_kind_of_quotes() {
        let text = Pattern::literal("a'\"/\n").python_string();
        for right in [r#""a'\"/\n""#, r#"'a\'"/\n'"#] {
            assert!(text.matches(right).unwrap(), "{right}");
        }
        for wrong in [r#""a\'\"/\n""#, r#""a'\"\/\n""#, r#"'a'"/\n'"#, r#""a'"/\n""#] {
            assert!(!text.matches(wrong).unwrap(), "{wrong}");
        }
        let any = Pattern::all().python_string();
        assert!(any.matches(r"'\\ \u0001 é'").unwrap() && !any.matches("'\n'").unwrap());
    }

    #[test]
    fn a_complement_stays_a_string() {
        let other = Pattern::literal("no").complement().json_string(Spelling::Short);
        assert!(other.matches("\"\"").unwrap() && other.matches("\"non\"").unwrap());
        assert!(!other.matches("\"no\"").unwrap() && !other.matches("\"a\"b\"").unwrap());
        assert!(Pattern::and([other, Pattern::literal("\"no\"")]).is_never().unwrap());
    }
}
