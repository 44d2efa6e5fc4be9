//! Writes constants and texts.

use minijinja::value::{Value, ValueKind};

use super::Writer;
use crate::template::values::spelling::float;

impl Writer {
    pub(super) fn constant(&mut self, value: &Value) {
        match value.kind() {
            ValueKind::String => {
                let text = value.as_str().unwrap_or("");
                self.push("\"");
                for c in text.chars() {
                    match c {
                        '"' => self.push("\\\""),
                        '\\' => self.push("\\\\"),
                        '\n' => self.push("\\n"),
                        '\r' => self.push("\\r"),
                        c => self.out.push(c),
                    }
                }
                self.push("\"");
            }
            ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
                Ok(number) if number.is_finite() => self.push(&float(number)),
                _ => self.push("1e999"),
            },
            // Integers, `True`, `False`, `None`.
            _ => self.push(&value.to_string()),
        }
    }

    /// Writes template text as a string literal with unescaped newlines, so that line numbers stay the same.
    pub(super) fn text(&mut self, text: &str) {
        self.push("\"");
        for c in text.chars() {
            match c {
                '"' => self.push("\\\""),
                '\\' => self.push("\\\\"),
                '\n' => {
                    self.line += 1;
                    self.out.push(c);
                }
                c => self.out.push(c),
            }
        }
        self.push("\"");
    }
}
