//! Sets of characters: escapes, properties and letter case.

use linnet_text::ConstraintError;
use regex_syntax::hir::{Class, HirKind};

use super::{Flags, invalid, unsupported};
use crate::pattern::{CharSet, any_char, difference, has, ranges};

/// `\d`
pub fn digit() -> CharSet {
    ranges(&[('0', '9')])
}

/// `\s`
pub fn space() -> CharSet {
    ranges(&[
        ('\t', '\r'),
        (' ', ' '),
        ('\u{a0}', '\u{a0}'),
        ('\u{1680}', '\u{1680}'),
        ('\u{2000}', '\u{200a}'),
        ('\u{2028}', '\u{2029}'),
        ('\u{202f}', '\u{202f}'),
        ('\u{205f}', '\u{205f}'),
        ('\u{3000}', '\u{3000}'),
        ('\u{feff}', '\u{feff}'),
    ])
}

/// `\w`
pub fn word(flags: Flags) -> CharSet {
    let mut word = ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]);
    if flags.ignore_case && flags.unicode {
        word.case_fold_simple();
    }
    word
}

/// `.`
pub fn dot(flags: Flags) -> CharSet {
    if flags.dot_all {
        return any_char();
    }
    difference(&any_char(), &ranges(&[('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')]))
}

/// All characters that are not in the set.
pub fn negated(set: &CharSet) -> CharSet {
    difference(&any_char(), set)
}

/// `\p{NAME}`
///
/// # Errors
/// If the property is unknown.
pub fn property(name: &str) -> Result<CharSet, ConstraintError> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_=".contains(&b));
    let unknown = || unsupported(format!("the property `{name}` is not supported"));
    if !is_name {
        return Err(invalid(format!("`{name}` is not a property")));
    }
    let hir = regex_syntax::parse(&format!("\\p{{{name}}}")).map_err(|_| unknown())?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(set)) => Ok(set),
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            Ok(CharSet::new(text.chars().map(|c| regex_syntax::hir::ClassUnicodeRange::new(c, c))))
        }
        _ => Err(unknown()),
    }
}

/// Adds the characters that are equal but for their case, if the flags ask for them.
pub fn with_case(set: CharSet, flags: Flags) -> CharSet {
    match (flags.ignore_case, flags.unicode) {
        (false, _) => set,
        (true, true) => {
            let mut set = set;
            set.case_fold_simple();
            set
        }
        (true, false) => {
            // Characters are equal if they have the same upper case. Only the code units below U+FFFF count.
            let units =
                || ('\0'..='\u{ffff}').filter(|c| c.is_ascii() || c.is_alphabetic() || !c.is_alphanumeric());
            let upper: std::collections::BTreeSet<char> =
                units().filter(|&c| has(&set, c)).map(upper_case).collect();
            let added = units().filter(|&c| upper.contains(&upper_case(c)));
            let mut all = CharSet::new(added.map(|c| regex_syntax::hir::ClassUnicodeRange::new(c, c)));
            all.union(&set);
            all
        }
    }
}

/// `Canonicalize` without `u`: the upper case, if it is one character, and not ASCII for another character.
fn upper_case(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) if c.is_ascii() || !upper.is_ascii() => upper,
        _ => c,
    }
}
