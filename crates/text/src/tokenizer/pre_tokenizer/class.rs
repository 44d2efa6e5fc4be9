//! Character classes of the pre-tokenizers' patterns.

use unicode_general_category::{GeneralCategory as Category, get_general_category};

/// A character's class. Every character has exactly one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// `\p{Lu}` and `\p{Lt}`.
    Upper,
    /// `\p{Ll}`.
    Lower,
    /// `\p{Lm}` and `\p{Lo}`: letters without case.
    Caseless,
    /// `\p{M}`.
    Mark,
    /// `\p{N}`.
    Number,
    /// `\s`.
    Space,
    /// `\p{P}`.
    Punctuation,
    /// `\p{S}`.
    Symbol,
    /// Anything else.
    Other,
}

impl Class {
    /// The class of `c`.
    pub(super) fn of(c: char) -> Self {
        match c {
            'a'..='z' => return Self::Lower,
            'A'..='Z' => return Self::Upper,
            '0'..='9' => return Self::Number,
            c if c.is_whitespace() => return Self::Space,
            _ => {}
        }
        match get_general_category(c) {
            Category::UppercaseLetter | Category::TitlecaseLetter => Self::Upper,
            Category::LowercaseLetter => Self::Lower,
            Category::ModifierLetter | Category::OtherLetter => Self::Caseless,
            Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark => Self::Mark,
            Category::DecimalNumber | Category::LetterNumber | Category::OtherNumber => Self::Number,
            Category::ConnectorPunctuation
            | Category::DashPunctuation
            | Category::OpenPunctuation
            | Category::ClosePunctuation
            | Category::InitialPunctuation
            | Category::FinalPunctuation
            | Category::OtherPunctuation => Self::Punctuation,
            Category::MathSymbol
            | Category::CurrencySymbol
            | Category::ModifierSymbol
            | Category::OtherSymbol => Self::Symbol,
            _ => Self::Other,
        }
    }

    /// `\p{L}`.
    pub(super) fn is_letter(self) -> bool {
        matches!(self, Self::Upper | Self::Lower | Self::Caseless)
    }

    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: may start a capitalised word.
    pub(super) fn is_upper_like(self) -> bool {
        matches!(self, Self::Upper | Self::Caseless | Self::Mark)
    }

    /// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: may follow in it.
    pub(super) fn is_lower_like(self) -> bool {
        matches!(self, Self::Lower | Self::Caseless | Self::Mark)
    }
}

/// Whether a character is part of a word: a letter, a mark or a number.
#[must_use]
pub fn is_in_word(c: char) -> bool {
    let class = Class::of(c);
    class.is_letter() || matches!(class, Class::Mark | Class::Number)
}

/// Length in bytes of the longest prefix of `text` whose characters all satisfy `holds`.
pub(super) fn run(text: &str, holds: impl Fn(Class) -> bool) -> usize {
    text.find(|c| !holds(Class::of(c))).unwrap_or(text.len())
}

/// The first character and its class.
pub(super) fn first(text: &str) -> Option<(char, Class)> {
    text.chars().next().map(|c| (c, Class::of(c)))
}
