//! Lists on their way to a subscript, a slice or a loop. The engine charges a filter for every slot of a list that it returns.
//! The filters that [`super::rewrite`] puts in return what they were given, so a template that asks for
//! `messages[loop.index0 - 1]` would pay for all messages each time. What is returned is this instead, which costs nothing,
//! and which is skipped into without a walk.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

struct Lent(Arc<Vec<Value>>);

/// `value`; a list without what the engine charges for it.
pub(super) fn lent(value: &Value) -> Value {
    match value.downcast_object::<Vec<Value>>() {
        Some(list) => Value::from_object(Lent(list)),
        None => value.clone(),
    }
}

/// Without what is in it, which no budget has paid for.
impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<list>")
    }
}

impl Object for Lent {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(Items { list: self.0.clone(), left: 0..self.0.len() }))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

/// A slice skips what comes before it with `nth`, which takes no longer for a later item.
struct Items {
    list: Arc<Vec<Value>>,
    left: Range<usize>,
}

impl Iterator for Items {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.nth(0)
    }

    fn nth(&mut self, skipped: usize) -> Option<Value> {
        self.list.get(self.left.nth(skipped)?).cloned()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}
