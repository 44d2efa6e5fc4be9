//! A variable that was not given. Templates ask for `tools` in two ways: those written against Hugging Face's
//! transformers, which always defines it, by `tools is not none`; those written for llama.cpp, which leaves it out, by
//! `tools is defined`. So a variable that is absent is undefined and none at once.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

struct Absent;

impl fmt::Debug for Absent {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Object for Absent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        None
    }

    /// Undefined values have no items.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }
}

/// The value of a variable that was not given: false, without items, neither defined nor something else than `none`.
pub(super) fn absent() -> Value {
    Value::from_object(Absent)
}

pub(super) fn is_absent(value: &Value) -> bool {
    value.downcast_object_ref::<Absent>().is_some()
}

/// Undefined, or a variable that was not given.
pub(super) fn is_undefined(value: &Value) -> bool {
    value.is_undefined() || is_absent(value)
}

/// `none`, or a variable that was not given.
pub(super) fn is_none(value: &Value) -> bool {
    value.is_none() || is_absent(value)
}
