//! Chat templates: Jinja as Hugging Face's `apply_chat_template` sets it up, under a budget of work.

mod bounds;
mod dialect;
mod iterators;
mod json;
mod local_time;
mod methods;
mod python;
mod source;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, State};
use serde::Serialize;

use crate::TextError;
use bounds::Bounds;

pub use local_time::LocalTime;

/// Fuel that every rendering gets: about as many instructions, or 64 times as many bytes.
const BASE_FUEL: u64 = 400_000;
/// Fuel for each byte of the context: room for 64 copies of it.
const FUEL_PER_BYTE: u64 = 1;
const NAME: &str = "chat";

/// What a template is rendered with.
#[derive(Clone, Debug)]
pub struct ChatContext {
    /// The conversation: an array of `{"role": ..., "content": ..., ...}`.
    pub messages: serde_json::Value,
    /// The tools' JSON schemas; `none` in the template where absent.
    pub tools: Option<serde_json::Value>,
    /// Documents to answer from; `none` in the template where absent.
    pub documents: Option<serde_json::Value>,
    /// Ends the prompt with the opening of the assistant's turn.
    pub add_generation_prompt: bool,
    /// Further variables, `enable_thinking` for instance. They do not replace those above.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// What `strftime_now` prints.
    pub now: LocalTime,
}

impl ChatContext {
    /// A context of `messages` alone that asks for an answer.
    pub fn new(messages: serde_json::Value, now: LocalTime) -> Self {
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
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("bos", &self.bos).field("eos", &self.eos).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Compiles `source`; `bos` and `eos` are the texts that it sees as `bos_token` and `eos_token` (empty where the
    /// model has none).
    ///
    /// # Errors
    /// [`TextError::Template`] with the line where `source` is not a template.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, TextError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(template_error)?);
        environment.set_unknown_method_callback(methods::call);
        environment.add_filter("tojson", json::tojson);
        environment.add_filter("escape", python::escape);
        environment.add_filter("e", python::escape);
        environment.add_filter("default", python::default);
        environment.add_filter("d", python::default);
        environment.add_filter("int", python::int);
        environment.add_filter("float", python::float);
        environment.add_test("sequence", python::is_sequence);
        environment.add_function("cycler", iterators::cycler);
        environment.add_function("joiner", iterators::joiner);
        environment.add_function("raise_exception", raise_exception);
        environment.add_template_owned(NAME, bounds::prepare(source)?).map_err(template_error)?;
        Ok(Self { environment, bos: bos.to_owned(), eos: eos.to_owned() })
    }

    /// Renders the prompt.
    ///
    /// # Errors
    /// [`TextError::RefusedByTemplate`] where the template calls `raise_exception`, [`TextError::Template`] where it
    /// fails otherwise or spends its budget.
    pub fn render(&self, context: &ChatContext) -> Result<String, TextError> {
        let mut variables = context.extra.clone();
        variables.insert("messages".into(), context.messages.clone());
        variables.insert("tools".into(), context.tools.clone().into());
        variables.insert("documents".into(), context.documents.clone().into());
        variables.insert("add_generation_prompt".into(), context.add_generation_prompt.into());
        variables.insert("bos_token".into(), self.bos.clone().into());
        variables.insert("eos_token".into(), self.eos.clone().into());

        // The clock and the budget belong to this rendering; a clone shares the compiled template.
        let mut environment = self.environment.clone();
        let now = context.now;
        let size = json_bytes(&variables);
        let bounds = Bounds::new(size);
        environment.add_filter(bounds::NAMED, move |state: &State, value: &Value| bounds.name(state, value));
        environment.add_filter(bounds::ATTRIBUTE, move |state: &State, value: &Value| {
            bounds.attribute(state, value)
        });
        environment.set_formatter(move |out, state, value| {
            bounds.check(state, value)?;
            match f64::try_from(value.clone()) {
                Ok(number) if value.is_number() && !value.is_integer() && number.is_finite() => {
                    out.write_str(&json::python_float(number)).map_err(Error::from)
                }
                _ => minijinja::escape_formatter(out, state, value),
            }
        });
        environment.add_function("strftime_now", move |format: &str| now.strftime(format));
        environment.set_fuel(Some(BASE_FUEL + FUEL_PER_BYTE * size));
        let template = environment.get_template(NAME).map_err(template_error)?;
        template.render(Value::from(Serde(&variables))).map_err(template_error)
    }
}

/// The template's way of saying no, kept apart from its failures.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Raised(message)))
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
        (ErrorKind::OutOfFuel, _) => "it takes more work than a chat template may".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    TextError::Template { reason, line: error.line() }
}

/// Bytes of `value` as JSON, counted without keeping them.
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
    // A counter cannot fail, and JSON values serialize.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
