//! `tojson` as in Hugging Face's templates: Python's `json.dumps` with `ensure_ascii=False`, keeping the
//! order of keys.

use std::io::{self, Write};

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, State};
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};

use crate::tokenizer::GUARD;

use crate::template::values::absent::is_absent;
use crate::template::values::spelling::{float, str_of};
use crate::template::values::work::{BYTES_PER_FUEL, SLOT, TEXT, pay, pay_for_text};

/// Maximum nesting: writing is recursive, and the stack is limited.
const MAX_DEPTH: usize = 128;

/// The filter: `value | tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
///
/// # Errors
/// An undefined value, too deep nesting, or output that exceeds the remaining fuel.
pub(in crate::template) fn tojson(
    state: &State,
    value: &Value,
    ensure_ascii: Option<Value>,
    indent: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "tojson of an undefined value"));
    }
    if is_absent(value) {
        return Ok("null".into());
    }
    let ascii = either(ensure_ascii, &options, "ensure_ascii")?.is_some_and(|ascii| ascii.is_true());
    let indent = match either(indent, &options, "indent")? {
        Some(value) if !value.is_none() => Some(Indent::of(&value)?),
        _ => None,
    };
    let separators: Option<(String, String)> = match options.get::<Option<Value>>("separators")? {
        Some(pair) if !pair.is_none() => Some(pair_of_strings(state, &pair)?),
        _ => None,
    };
    let sort_keys = options.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    options.assert_all_used()?;

    // Python writes a space after the comma only if there is no indentation.
    let (item, key) =
        separators.unwrap_or_else(|| (if indent.is_some() { "," } else { ", " }.into(), ": ".into()));
    let style = Style { item, key, indent, ascii };
    let text = if sort_keys {
        // Written once within the limit, so that the text to read back and sort is known to be small.
        let plain = write(value, &Style::compact(), limit(state))?;
        pay_for_text(state, plain.len())?;
        // Each value read back takes a slot, and one of these bytes precedes it. A map has a table, too.
        let slots = plain.iter().map(|byte| match byte {
            b'{' => 6,
            b',' | b'[' | b':' => 1,
            _ => 0,
        });
        pay(state, slots.sum::<usize>().saturating_mul(SLOT as usize))?;
        let mut parsed: serde_json::Value = serde_json::from_slice(&plain).map_err(cannot_write)?;
        parsed.sort_all_objects();
        write(&parsed, &style, limit(state))?
    } else {
        write(value, &style, limit(state))?
    };
    String::from_utf8(text).map(Value::from).map_err(cannot_write)
}

/// How many bytes of text the remaining fuel pays for.
fn limit(state: &State) -> usize {
    match state.fuel_levels() {
        Some((_, left)) => usize::try_from(left.saturating_mul(BYTES_PER_FUEL) / TEXT).unwrap_or(usize::MAX),
        None => usize::MAX,
    }
}

/// A positional or keyword argument.
pub(in crate::template) fn either<'a, T>(
    positional: Option<T>,
    options: &'a Kwargs,
    name: &'a str,
) -> Result<Option<T>, Error>
where
    Option<T>: minijinja::value::ArgType<'a, Output = Option<T>>,
{
    match positional {
        Some(value) => Ok(Some(value)),
        None => options.get::<Option<T>>(name),
    }
}

fn pair_of_strings(state: &State, value: &Value) -> Result<(String, String), Error> {
    let parts = value.try_iter()?.take(3).map(|part| str_of(state, &part).map(|part| part.to_string()));
    let parts: Vec<String> = parts.collect::<Result<_, Error>>()?;
    match <[String; 2]>::try_from(parts) {
        Ok([item, key]) => Ok((item, key)),
        Err(_) => Err(Error::new(ErrorKind::InvalidOperation, "separators must be a pair of strings")),
    }
}

fn cannot_write(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("tojson: {error}"))
}

/// Writes `value` as JSON in this style, at most `limit` bytes.
fn write(value: &impl Serialize, style: &Style, limit: usize) -> Result<Vec<u8>, Error> {
    let mut out = Bounded { bytes: Vec::new(), limit };
    let python = Python { style, depth: 0, has_value: false };
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, python)).map_err(cannot_write)?;
    Ok(out.bytes)
}

/// A buffer that does not grow beyond a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            return Err(io::Error::other("the result is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The indentation per level of nesting.
struct Indent(String);

impl Indent {
    /// A number of spaces, or the string itself, as in `json.dumps`.
    fn of(value: &Value) -> Result<Self, Error> {
        if let Some(text) = value.as_str() {
            return Ok(Self(text.to_owned()));
        }
        let spaces = i64::try_from(value.clone())?.max(0);
        match usize::try_from(spaces) {
            Ok(spaces) if spaces <= 64 => Ok(Self(" ".repeat(spaces))),
            _ => Err(Error::new(ErrorKind::InvalidOperation, "indent must be at most 64 spaces")),
        }
    }
}

struct Style {
    item: String,
    key: String,
    indent: Option<Indent>,
    ascii: bool,
}

impl Style {
    fn compact() -> Self {
        Self { item: ",".into(), key: ":".into(), indent: None, ascii: false }
    }
}

/// `json.dumps` as a formatter of serde_json.
struct Python<'a> {
    style: &'a Style,
    depth: usize,
    has_value: bool,
}

impl Python<'_> {
    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        if self.depth > MAX_DEPTH {
            return Err(io::Error::other("the value is nested too deeply"));
        }
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.has_value {
            self.new_line(out)?;
        }
        out.write_all(bracket)
    }

    fn new_line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        if let Some(Indent(indent)) = &self.style.indent {
            out.write_all(b"\n")?;
            for _ in 0..self.depth {
                out.write_all(indent.as_bytes())?;
            }
        }
        Ok(())
    }

    fn begin_item<W: ?Sized + Write>(&self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(self.style.item.as_bytes())?;
        }
        self.new_line(out)
    }
}

impl Formatter for Python<'_> {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.begin_item(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.begin_item(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(self.style.key.as_bytes())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        out.write_all(float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        if !self.style.ascii || text.is_ascii() {
            return out.write_all(text.as_bytes());
        }
        for c in text.chars() {
            // A guard stays unescaped: it is removed from the prompt later.
            if c.is_ascii() || c == GUARD {
                out.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, out: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            // Python does not escape the slash; serde_json does not either by default.
            CharEscape::Solidus => out.write_all(b"/"),
            CharEscape::Quote => out.write_all(b"\\\""),
            CharEscape::ReverseSolidus => out.write_all(b"\\\\"),
            CharEscape::Backspace => out.write_all(b"\\b"),
            CharEscape::FormFeed => out.write_all(b"\\f"),
            CharEscape::LineFeed => out.write_all(b"\\n"),
            CharEscape::CarriageReturn => out.write_all(b"\\r"),
            CharEscape::Tab => out.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(out, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    fn render(expression: &str) -> Result<String, minijinja::Error> {
        let mut environment = minijinja::Environment::new();
        environment.set_fuel(Some(10_000));
        environment.add_filter("tojson", super::tojson);
        let value: serde_json::Value = serde_json::from_str(
            r#"{"b": [1, 2.5, null, true], "a": {"é": "\u0001\u007f\"\\/\n\t\b\f<'&>"}, "c": [], "d": {}}"#,
        )
        .unwrap();
        environment.render_str(
            &format!("{{{{ {expression} }}}}"),
            minijinja::context! { v => minijinja::value::Serde(value) },
        )
    }

    /// Expected strings: Python's `json.dumps` of the same value.
    #[test]
    fn writes_what_python_writes() {
        let control = r#""\u0001\u007f\"\\/\n\t\b\f<'&>""#.replace(r"\u007f", "\u{7f}");
        assert_eq!(
            render("v|tojson").unwrap(),
            format!(r#"{{"b": [1, 2.5, null, true], "a": {{"é": {control}}}, "c": [], "d": {{}}}}"#)
        );
        assert_eq!(
            render("v|tojson(sort_keys=true, separators=(',', ':'))").unwrap(),
            format!(r#"{{"a":{{"é":{control}}},"b":[1,2.5,null,true],"c":[],"d":{{}}}}"#)
        );
        assert_eq!(render("v.b|tojson(indent=2)").unwrap(), "[\n  1,\n  2.5,\n  null,\n  true\n]");
        assert_eq!(render("{'x': {'y': []}}|tojson(indent=1)").unwrap(), "{\n \"x\": {\n  \"y\": []\n }\n}");
        assert_eq!(render("['é😀']|tojson(ensure_ascii=true)").unwrap(), r#"["\u00e9\ud83d\ude00"]"#);
        assert_eq!(render("'<\u{FDD0}s>é'|tojson(ensure_ascii=true)").unwrap(), "\"<\u{FDD0}s>\\u00e9\"");
    }

    #[test]
    fn rejects_unserializable_values() {
        assert!(render("missing|tojson").is_err());
        assert!(render("v|tojson(indnt=2)").is_err());
        assert!(render("v|tojson(indent=1000000)").is_err());
        let deep = "[".repeat(130) + &"]".repeat(130);
        assert!(render(&format!("{deep}|tojson")).is_err());
    }
}
