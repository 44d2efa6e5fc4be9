//! Chat templates: Jinja as configured by Hugging Face's `apply_chat_template`, within budgets for work and
//! memory.
//!
//! `minijinja` compiles and runs them. It charges fuel for instructions and for some of the bytes that they
//! read; this module charges for the rest: [`charged_calls`] wraps everything that a template can call, and
//! [`rewrite`] inserts filters at operators, subscripts and assignments, so that every access is paid for in
//! advance.
//!
//! What differs from jinja2:
//! - `include`, `import`, `extends`, `self` and `lipsum` are missing; a block is rendered where it is.
//! - A macro that uses `varargs` or `kwargs` must be called by its name, without `*list` or `**map`.
//! - `loop(...)` in a recursive loop does not render the `else` block of an empty list.
//! - A method of a list or dict can be tested, but must be called where it is named.
//! - Methods of numbers, and these of strings and dicts, are missing: `encode`, `expandtabs`, `format_map`,
//!   `fromkeys`, `isdecimal`, `isidentifier`, `isprintable`, `maketrans`, `translate`.
//! - `startswith`, `endswith` and `count` take no positions, `find` and `index` no end.
//! - `str.format` has no conversions (`!r`), no nested fields and no types `%` and `n`, and its widths count
//!   bytes.
//! - A macro's parameter takes its default also if the argument is undefined.
//! - `%.3d` does not pad an integer with zeros.
//! - Integers have 128 bits. A boolean has no negative, and `\N{...}` in a string is not a character.
//! - `isdigit` and `title` differ for a few characters outside of ASCII, such as `²`.
//! - `tojson` rejects keys that are not strings.
//! - `sort`, `min` and `max` order values of different types; Python rejects them.
//! - Filters of text convert other values to text; Python rejects some of them, for example in `indent`.
//! - Slices of values that have no items, and the tests `filter` and `test` of such values, are errors.
//! - `pprint` writes one line and keeps the order of keys; `random` takes the first item.
//! - `range`, `loop` and methods print in another way, and a range is not a sequence.
//! - Items and slices of escaped text, and blocks captured with `autoescape`, do not count as escaped.

mod bounds;
mod charged_calls;
mod filters;
mod literals;
mod local_time;
mod methods;
mod operators;
mod percent;
mod python;
mod rewrite;
mod values;

use std::collections::BTreeMap;

use minijinja::value::{Rest, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State};
use serde::Serialize;

use crate::TextError;
use bounds::Bounds;
use values::{absent, spelling, work};

pub use local_time::LocalTime;

/// Base fuel of every rendering: about as many instructions, or 16 times as many bytes of new text.
const BASE_FUEL: u64 = 400_000;
/// Fuel per byte of the context: enough for 64 copies of it.
const FUEL_PER_BYTE: u64 = 4;
/// Fuel per message and per content part or tool call, however short: five times what the templates of
/// published models use.
const FUEL_PER_MESSAGE: u64 = 300;
/// Maximum length in bytes of an error's reason or of a template's own message.
const MAX_REASON: usize = 2048;
const NAME: &str = "chat";
/// Variables that Firefunction's template needs: the tools as text, and the time. For others they stay undefined.
const OPTIONAL: [&str; 2] = ["functions", "datetime"];

/// The input of a template.
#[derive(Clone, Debug)]
pub struct ChatContext<M = serde_json::Value> {
    /// The messages: anything that serializes as an array of `{"role": ..., "content": ..., ...}`.
    pub messages: M,
    /// The tools' JSON schemas; if absent, both undefined and `none` in the template.
    pub tools: Option<serde_json::Value>,
    /// Documents to answer from; if absent, both undefined and `none` in the template.
    pub documents: Option<serde_json::Value>,
    /// Whether the prompt ends with the start of the assistant's message.
    pub add_generation_prompt: bool,
    /// More variables, for example `enable_thinking`. They do not override those above.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// The time that `strftime_now` prints.
    pub now: LocalTime,
}

impl<M> ChatContext<M> {
    /// A context with only `messages` that asks for an answer.
    pub fn new(messages: M, now: LocalTime) -> Self {
        Self {
            messages,
            tools: None,
            documents: None,
            add_generation_prompt: true,
            extra: serde_json::Map::new(),
            now,
        }
    }
}

/// A compiled chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    literals: Vec<String>,
    variables: Vec<String>,
    /// Whether it fails without the [`OPTIONAL`] variables.
    needs_optional: bool,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("bos", &self.bos).field("eos", &self.eos).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Compiles `source`; `bos` and `eos` are the values of `bos_token` and `eos_token` (empty if the model
    /// has none).
    ///
    /// # Errors
    /// [`TextError::Template`], with the line, if `source` is not a template.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, TextError> {
        let mut environment = Environment::new();
        environment.set_unknown_method_callback(methods::call);
        charged_calls::install(&mut environment);
        environment.add_template_owned(NAME, bounds::prepare(source)?).map_err(template_error)?;
        let (literals, variables) = (literals::of(source), literals::variables(source));
        let (bos, eos) = (bos.to_owned(), eos.to_owned());
        let mut template = Self { environment, bos, eos, literals, variables, needs_optional: false };
        if OPTIONAL.iter().any(|name| template.has_variable(name)) {
            let question = serde_json::json!([{ "role": "user", "content": "." }]);
            let context = ChatContext::new(question, LocalTime::EPOCH);
            template.needs_optional = template.render(&context).is_err();
        }
        Ok(template)
    }

    /// Whether it may read this variable.
    #[must_use]
    pub fn has_variable(&self, name: &str) -> bool {
        self.variables.binary_search_by(|variable| variable.as_str().cmp(name)).is_ok()
    }

    /// The value of `eos_token`.
    pub(crate) fn eos(&self) -> &str {
        &self.eos
    }

    /// The short strings and attribute names in the template's expressions, sorted: what it may search texts
    /// for.
    #[must_use]
    pub fn literals(&self) -> &[String] {
        &self.literals
    }

    /// The names in the template's expressions that may be variables, sorted.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Renders the prompt.
    ///
    /// For any template, compiling and rendering take at most 32 MiB, plus 256 bytes per byte of template and
    /// context, plus 24 KiB per message, and fractions of a second per thousand messages: every operation is
    /// charged by what it reads to a budget that grows with the context. Real templates use a small part of
    /// it.
    ///
    /// # Errors
    /// [`TextError::RefusedByTemplate`] if the template calls `raise_exception`, [`TextError::Template`] if
    /// it fails otherwise or exceeds its budget.
    pub fn render<M: Serialize>(&self, context: &ChatContext<M>) -> Result<String, TextError> {
        let mut size = json_bytes(&context.extra) + json_bytes(&context.messages);
        let mut values: BTreeMap<String, Value> =
            context.extra.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))).collect();
        if self.needs_optional {
            for (name, value) in OPTIONAL.into_iter().zip([String::new(), context.now.to_string()]) {
                values.entry(name.to_owned()).or_insert_with(|| value.into());
            }
        }
        let messages = Value::from(Serde(&context.messages));
        let fuel = BASE_FUEL + FUEL_PER_MESSAGE * count_messages(&messages);
        values.insert("messages".into(), messages);
        values.insert("add_generation_prompt".into(), context.add_generation_prompt.into());
        for (name, text) in [("bos_token", &self.bos), ("eos_token", &self.eos)] {
            size += text.len() as u64;
            values.insert(name.into(), text.as_str().into());
        }
        for (name, value) in [("tools", &context.tools), ("documents", &context.documents)] {
            let value = match value {
                Some(value) => {
                    size += json_bytes(value);
                    Value::from(Serde(value))
                }
                None => absent::absent(),
            };
            values.insert(name.into(), value);
        }

        // The clock and the budget belong to this rendering; a clone shares the compiled template.
        let mut environment = self.environment.clone();
        let now = context.now;
        let bounds = Bounds::new(size);
        environment.add_filter(rewrite::NAMED, move |state: &State, value: &Value| bounds.name(state, value));
        environment
            .add_filter(rewrite::ATTRIBUTE, move |state: &State, value: &Value, _owners: Rest<Value>| {
                bounds.attribute(state, value)
            });
        environment.set_formatter(move |out, state, value| match state.auto_escape() {
            AutoEscape::None => spelling::write_str(state, out, value),
            _ => {
                // One character has at most six.
                let text = spelling::str_of(state, value)?;
                work::pay_for_text(state, text.as_str().map_or(0, str::len).saturating_mul(6))?;
                minijinja::escape_formatter(out, state, if value.is_safe() { value } else { &text })
            }
        });
        environment.add_function("strftime_now", move |state: &State, format: &str| {
            // A directive of two characters prints 24.
            work::pay_for_text(state, format.len().saturating_mul(12))?;
            Ok::<_, Error>(now.strftime(format))
        });
        environment.set_fuel(Some(fuel + FUEL_PER_BYTE * size));
        let template = environment.get_template(NAME).map_err(template_error)?;
        template.render(Value::from(values)).map_err(template_error)
    }
}

/// The message of `raise_exception`, kept apart from failures.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

fn raise_exception(state: &State, message: &Value) -> Result<String, Error> {
    let message = spelling::str_of(state, message)?;
    let message = shortened(message.as_str().unwrap_or(""));
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Raised(message)))
}

/// The start of a text of any length.
fn shortened(text: &str) -> String {
    if text.len() <= MAX_REASON {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MAX_REASON)])
}

fn template_error(error: Error) -> TextError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(this) = cause {
        if let Some(Raised(message)) = this.downcast_ref() {
            return TextError::RefusedByTemplate { message: message.clone() };
        }
        cause = this.source();
    }
    let reason = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => {
            "it takes too much work for this conversation; shorten the conversation or use another file of the model"
                .to_owned()
        },
        (kind, Some(detail)) => format!("{kind}: {}", shortened(detail)),
        (kind, None) => kind.to_string(),
    };
    TextError::Template { reason, line: error.line() }
}

/// Number of messages, their content parts and their tool calls.
fn count_messages(messages: &Value) -> u64 {
    let items =
        |value: &Value| if value.kind() == ValueKind::Seq { value.len().unwrap_or(0) as u64 } else { 0 };
    let each = messages.try_iter().into_iter().flatten();
    let within = each.filter_map(|message| {
        let pairs = message.as_object()?.try_iter_pairs()?;
        Some(pairs.map(|(_, value)| items(&value)).sum::<u64>())
    });
    items(messages) + within.sum::<u64>()
}

/// Size of `value` as JSON in bytes, counted without storing it.
fn json_bytes(value: &impl Serialize) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and JSON values serialize.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
