//! Lists passed to a subscript, a slice or a loop. minijinja charges a filter for every slot of a list that
//! it returns. The filters that [`crate::template::rewrite`] inserts return their input, so a template that uses
//! `messages[loop.index0 - 1]` would pay for all messages each time. They return this wrapper instead, which
//! costs nothing and can skip items in constant time.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

struct UnchargedList(Arc<Vec<Value>>);

/// `value`, with lists wrapped so that minijinja does not charge for them.
pub(in crate::template) fn uncharged(value: &Value) -> Value {
    match value.downcast_object::<Vec<Value>>() {
        Some(list) => Value::from_object(UnchargedList(list)),
        None => value.clone(),
    }
}

/// Leaves out the items: no budget has paid for printing them.
impl fmt::Debug for UnchargedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<list>")
    }
}

impl Object for UnchargedList {
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

/// A slice skips its start with `nth`, which takes constant time here.
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
