//! The value of a variable that was not given. Templates check for `tools` in two ways: those for Hugging
//! Face's transformers, which always defines it, use `tools is not none`; those for llama.cpp, which leaves
//! it out, use `tools is defined`. So an absent variable is both undefined and none.

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

/// The value of an absent variable: false, empty, undefined, and equal only to `none`.
pub(in crate::template) fn absent() -> Value {
    Value::from_object(Absent)
}

pub(in crate::template) fn is_absent(value: &Value) -> bool {
    value.downcast_object_ref::<Absent>().is_some()
}

/// Whether a value is undefined or absent.
pub(in crate::template) fn is_undefined(value: &Value) -> bool {
    value.is_undefined() || is_absent(value)
}

/// Whether a value is `none` or absent.
pub(in crate::template) fn is_none(value: &Value) -> bool {
    value.is_none() || is_absent(value)
}
