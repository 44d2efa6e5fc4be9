//! Sets of characters: escapes, properties and letter case.

use std::collections::BTreeMap;
use std::sync::OnceLock;

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
            let cases = CASES.get_or_init(Cases::new);
            let mut others = Vec::new();
            let size: u32 = set.iter().map(|range| range.end() as u32 - range.start() as u32 + 1).sum();
            if size <= FEW {
                let chars = set.iter().flat_map(|range| range.start()..=range.end());
                others
                    .extend(chars.filter_map(|c| cases.group_of.get(&c)).map(|&group| &cases.groups[group]));
            } else {
                others.extend(cases.groups.iter().filter(|group| group.iter().any(|&c| has(&set, c))));
            }
            let added = others.into_iter().flatten();
            let mut all = CharSet::new(added.map(|&c| regex_syntax::hir::ClassUnicodeRange::new(c, c)));
            all.union(&set);
            all
        }
    }
}

/// Most characters of a set that are looked up one by one.
const FEW: u32 = 64;

static CASES: OnceLock<Cases> = OnceLock::new();

/// The characters that are equal but for their case, without `u`: those with the same upper case. Only the code units
/// below U+FFFF count.
struct Cases {
    groups: Vec<Vec<char>>,
    group_of: BTreeMap<char, usize>,
}

impl Cases {
    fn new() -> Self {
        let units = ('\0'..='\u{ffff}').filter(|c| c.is_ascii() || c.is_alphabetic() || !c.is_alphanumeric());
        let mut by_upper: BTreeMap<char, Vec<char>> = BTreeMap::new();
        for c in units {
            by_upper.entry(upper_case(c)).or_default().push(c);
        }
        let groups: Vec<Vec<char>> = by_upper.into_values().filter(|group| group.len() > 1).collect();
        let all = groups.iter().zip(0..);
        let group_of = all.flat_map(|(group, index)| group.iter().map(move |&c| (c, index))).collect();
        Self { groups, group_of }
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
