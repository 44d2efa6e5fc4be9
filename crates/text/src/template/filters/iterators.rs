//! jinja2's `cycler` and `joiner`: objects whose result changes with each call.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use minijinja::value::{Kwargs, Object, ObjectRepr, Rest, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::json::either;

/// `cycler(a, b, ...)`: `next()` returns the items in turn, `current` is the next one, and `reset()`
/// restarts.
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

/// The function `cycler`.
///
/// # Errors
/// If there is no item, or one is a container or an object: the limits on nesting do not see items in here.
pub(in crate::template) fn cycler(items: Rest<Value>) -> Result<Value, Error> {
    if items.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "cycler needs at least one item"));
    }
    let simple = |item: &Value| {
        matches!(item.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None)
    };
    if !items.iter().all(simple) {
        return Err(Error::new(ErrorKind::InvalidOperation, "cycler takes only strings and numbers"));
    }
    Ok(Value::from_object(Cycler { items: items.0, at: AtomicUsize::new(0) }))
}

/// Leaves out the items: no budget has paid for printing them.
impl fmt::Debug for Cycler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<cycler>")
    }
}

impl Cycler {
    fn current(&self) -> Value {
        self.items.get(self.at.load(Ordering::Relaxed)).cloned().unwrap_or_default()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("current")).then(|| self.current())
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let () = from_args(args)?;
        match method {
            "next" => {
                let item = self.current();
                let next = (self.at.load(Ordering::Relaxed) + 1) % self.items.len().max(1);
                self.at.store(next, Ordering::Relaxed);
                Ok(item)
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `joiner(sep=', ')`: returns nothing on the first call, and then the separator.
struct Joiner {
    separator: Value,
    used: AtomicBool,
}

impl fmt::Debug for Joiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<joiner>")
    }
}

/// The function `joiner`.
///
/// # Errors
/// If the separator is not a string.
pub(in crate::template) fn joiner(separator: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let separator = either(separator, &options, "sep")?.unwrap_or_else(|| ", ".into());
    options.assert_all_used()?;
    if separator.as_str().is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, "the separator of a joiner must be a string"));
    }
    Ok(Value::from_object(Joiner { separator, used: AtomicBool::new(false) }))
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State, args: &[Value]) -> Result<Value, Error> {
        let () = from_args(args)?;
        let used = self.used.swap(true, Ordering::Relaxed);
        Ok(if used { self.separator.clone() } else { "".into() })
    }
}
