//! Numbers as decimal texts.

use serde_json::Number;

/// A decimal number, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub negative: bool,
    /// Digits before the point, without leading zeros; empty for 0.
    pub whole: String,
    /// Digits after the point, without trailing zeros.
    pub fraction: String,
}

impl Decimal {
    /// The value of a JSON number. One that is no integer of 64 bits is the shortest decimal that means the same f64.
    pub fn of(number: &Number) -> Self {
        // Rust writes an f64 without exponent.
        let text = match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => format!("{float}"),
            None => number.to_string(),
        };
        let (negative, digits) =
            text.strip_prefix('-').map_or((false, text.as_str()), |digits| (true, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let is_zero = whole.is_empty() && fraction.is_empty();
        Self { negative: negative && !is_zero, whole, fraction }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// Its shortest text without exponent.
    pub fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let whole = if self.whole.is_empty() { "0" } else { &self.whole };
        let point = if self.fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{}", self.fraction)
    }
}
