//! Sets of numbers, as languages of their decimal texts.

use super::decimal::Decimal;
use crate::pattern::Pattern;

/// A set of numbers.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// All texts without exponent whose value is in the set. `None`: all numbers, with and without exponent.
    texts: Option<Pattern>,
    /// Only integers, which are written without a point.
    integer: bool,
}

fn digits(min: u32) -> Pattern {
    Pattern::digit().repeat(min, None)
}

fn some_digit_but_zero() -> Pattern {
    Pattern::concat([digits(0), Pattern::one_of(&[('1', '9')]), digits(0)])
}

fn point(after: Pattern) -> Pattern {
    Pattern::concat([Pattern::literal("."), after])
}

/// The digits before the point.
fn whole() -> Pattern {
    Pattern::or([Pattern::literal("0"), Pattern::concat([Pattern::one_of(&[('1', '9')]), digits(0)])])
}

/// Numbers without sign and exponent.
fn unsigned() -> Pattern {
    Pattern::concat([whole(), point(digits(1)).optional()])
}

fn signed(unsigned: Pattern) -> Pattern {
    Pattern::concat([Pattern::literal("-").optional(), unsigned])
}

/// All texts without exponent.
fn plain() -> Pattern {
    signed(unsigned())
}

/// All texts of integers without exponent.
fn integers() -> Pattern {
    signed(Pattern::concat([whole(), point(Pattern::literal("0").repeat(1, None)).optional()]))
}

impl Numbers {
    /// All numbers.
    pub fn all() -> Self {
        Self { texts: None, integer: false }
    }

    /// The integers.
    pub fn integers() -> Self {
        Self { texts: Some(integers()), integer: true }
    }

    /// A single number.
    pub fn one(number: &Decimal) -> Self {
        Self::bounded(number, true, true).and(&Self::bounded(number, false, true))
    }

    /// The numbers on one side of a bound.
    pub fn bounded(bound: &Decimal, above: bool, inclusive: bool) -> Self {
        let texts = match (bound.negative, above) {
            (false, true) if bound.is_zero() && inclusive => {
                Pattern::or([unsigned(), Pattern::concat([Pattern::literal("-"), zero()])])
            }
            (false, true) => at_least(bound, inclusive),
            // The others are the complement of what is on the other side.
            (false, false) => {
                plain().without(Self::bounded(bound, true, !inclusive).texts.unwrap_or(Pattern::Never))
            }
            (true, below) => {
                let size = Decimal { negative: false, ..bound.clone() };
                let lower = Pattern::concat([
                    Pattern::literal("-"),
                    at_least(&size, if below { !inclusive } else { inclusive }),
                ]);
                if below { plain().without(lower) } else { lower }
            }
        };
        Self { texts: Some(texts), integer: false }
    }

    /// The multiples of a number, if it has few digits.
    pub fn multiples(of: &Decimal) -> Option<Self> {
        let coefficient: u32 = format!("{}{}", of.whole, of.fraction).parse().ok()?;
        let scale = u32::try_from(of.fraction.len()).ok().filter(|scale| *scale <= 8)?;
        // llguidance computes in 32 bits.
        if coefficient == 0 || coefficient > 100_000_000 {
            return None;
        }
        let zeros = || Pattern::literal("0").repeat(0, None);
        let multiple = Pattern::MultipleOf(coefficient, scale);
        let spelled = Pattern::concat([multiple, zeros(), point(zeros()).optional()]);
        Some(Self { texts: Some(signed(Pattern::and([unsigned(), spelled]))), integer: false })
    }

    /// The numbers in both sets.
    pub fn and(&self, other: &Self) -> Self {
        let texts = match (&self.texts, &other.texts) {
            (None, texts) | (texts, None) => texts.clone(),
            (Some(a), Some(b)) => Some(Pattern::and([a.clone(), b.clone()])),
        };
        Self { texts, integer: self.integer || other.integer }
    }

    /// The numbers that are in none of the sets.
    pub fn none_of(sets: &[Self]) -> Option<Self> {
        if sets.is_empty() {
            return Some(Self::all());
        }
        let known: Option<Vec<Pattern>> = sets.iter().map(|set| set.texts.clone()).collect();
        Some(Self { texts: Some(plain().without(Pattern::or(known?))), integer: false })
    }

    /// The texts that are written.
    pub fn written(&self) -> Pattern {
        match &self.texts {
            None => {
                let sign = Pattern::one_of(&[('+', '+'), ('-', '-')]).optional();
                let exponent = Pattern::concat([Pattern::one_of(&[('E', 'E'), ('e', 'e')]), sign, digits(1)]);
                Pattern::concat([plain(), exponent.optional()])
            }
            Some(texts) if self.integer => Pattern::and([texts.clone(), signed(whole())]),
            Some(texts) => texts.clone(),
        }
    }

    /// The texts whose value is in the set.
    pub fn texts(&self) -> Pattern {
        self.texts.clone().unwrap_or_else(plain)
    }
}

fn zero() -> Pattern {
    Pattern::concat([Pattern::literal("0"), point(Pattern::literal("0").repeat(1, None)).optional()])
}

/// Texts without sign whose value is at least (or, if not `inclusive`, more than) the bound.
fn at_least(bound: &Decimal, inclusive: bool) -> Pattern {
    let text = if bound.whole.is_empty() { "0" } else { &bound.whole };
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let any_fraction = point(digits(1)).optional();
    let longer = Pattern::concat([Pattern::one_of(&[('1', '9')]), digits(length)]);
    let larger_whole = Pattern::and([whole(), Pattern::or([longer, larger_of_same_length(text)])]);
    let fraction = match (bound.fraction.is_empty(), inclusive) {
        (true, true) => any_fraction.clone(),
        (true, false) => point(some_digit_but_zero()),
        (false, _) => {
            let rest = if inclusive { digits(0) } else { some_digit_but_zero() };
            let same = Pattern::concat([Pattern::literal(&bound.fraction), rest]);
            point(Pattern::or([same, larger(&bound.fraction, |_| digits(0))]))
        }
    };
    Pattern::or([
        Pattern::concat([larger_whole, any_fraction]),
        Pattern::concat([Pattern::literal(text), fraction]),
    ])
}

/// Digits of the same length that are larger.
fn larger_of_same_length(text: &str) -> Pattern {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    larger(text, |at| Pattern::digit().repeat(length - at - 1, Some(length - at - 1)))
}

/// Digits that are larger; `rest`: what may follow the first digit that differs, by its index.
fn larger(text: &str, rest: impl Fn(u32) -> Pattern) -> Pattern {
    let larger = (0u32..).zip(text.char_indices()).map(|(index, (at, digit))| {
        let next = char::from_u32(digit as u32 + 1).filter(|next| *next <= '9');
        let digit = next.map_or(Pattern::Never, |next| Pattern::one_of(&[(next, '9')]));
        Pattern::concat([Pattern::literal(&text[..at]), digit, rest(index)])
    });
    Pattern::or(larger)
}

#[cfg(test)]
mod tests {
    use serde_json::Number;

    use super::*;

    fn decimal(value: f64) -> Decimal {
        Decimal::of(&Number::from_f64(value).unwrap())
    }

    #[test]
    fn bounds_compare_values() {
        let values = [
            "0", "-0", "0.5", "-0.5", "1", "1.0", "1.5", "1.50", "-1.5", "-1.49", "9", "10", "10.01", "-12",
            "100",
        ];
        for bound in [0.0, 1.5, -1.5, 10.0, -0.5, 99.9, 0.05] {
            for (above, inclusive) in [(true, true), (true, false), (false, true), (false, false)] {
                let set = Numbers::bounded(&decimal(bound), above, inclusive).texts();
                for text in values {
                    let value: f64 = text.parse().unwrap();
                    let right =
                        if above { value > bound } else { value < bound } || inclusive && value == bound;
                    assert_eq!(set.matches(text).unwrap(), right, "{text} {above} {inclusive} {bound}");
                }
            }
        }
    }

    #[test]
    fn multiples_are_decimal() {
        let cents = Numbers::multiples(&decimal(0.01)).unwrap().texts();
        for text in ["19.99", "-3", "0.5", "0.500", "2.10", "-0"] {
            assert!(cents.matches(text).unwrap(), "{text}");
        }
        assert!(
            !cents.matches("0.001").unwrap()
                && !cents.matches("1.").unwrap()
                && !cents.matches("007").unwrap()
        );
        let sevens = Numbers::multiples(&decimal(7.0)).unwrap().texts();
        assert!(
            sevens.matches("-21").unwrap() && sevens.matches("14.0").unwrap() && sevens.matches("0").unwrap()
        );
        assert!(!sevens.matches("15").unwrap() && !sevens.matches("14.7").unwrap());
        assert!(Numbers::multiples(&decimal(1e300)).is_none());
    }

    #[test]
    fn integers_are_written_without_a_point() {
        let integers = Numbers::integers();
        assert!(integers.written().matches("-12").unwrap() && !integers.written().matches("12.0").unwrap());
        assert!(integers.texts().matches("12.0").unwrap() && !integers.texts().matches("12.5").unwrap());
        let others = Numbers::none_of(&[integers]).unwrap();
        assert!(others.written().matches("0.5").unwrap() && !others.written().matches("3").unwrap());
        assert!(Numbers::none_of(&[Numbers::all()]).is_none());
        assert!(Numbers::all().written().matches("-1.5e+10").unwrap());
    }
}
