//! Whether a single value is in a set.

use std::collections::HashSet;

use linnet_text::ConstraintError;
use serde_json::Value;

use super::algebra::Compiler;
use super::decimal::Decimal;
use super::forms::{Array, Forms, Goal, Object};

impl Compiler {
    /// Whether a value is in a set.
    ///
    /// # Errors
    /// As [`Compiler::forms`].
    pub fn holds(&mut self, forms: &Forms, value: &Value) -> Result<bool, ConstraintError> {
        Ok(forms.literals.iter().any(|literal| equal(literal, value)) || self.holds_kind(forms, value)?)
    }

    /// Whether a value is in a set for another reason than that it is one of its single values.
    ///
    /// # Errors
    /// As [`Compiler::forms`].
    pub fn holds_kind(&mut self, forms: &Forms, value: &Value) -> Result<bool, ConstraintError> {
        match value {
            Value::Null => Ok(forms.null),
            Value::Bool(false) => Ok(forms.falsehood),
            Value::Bool(true) => Ok(forms.truth),
            Value::Number(number) => {
                let text = Decimal::of(number).text();
                any(&forms.numbers, |numbers| numbers.texts().matches(&text))
            }
            Value::String(text) => any(&forms.strings, |strings| strings.texts.matches(text)),
            Value::Array(list) => any(&forms.arrays, |array| self.array_holds(array, list)),
            Value::Object(map) => any(&forms.objects, |object| self.object_holds(object, map)),
        }
    }

    /// Whether a value fulfils a goal.
    fn fulfils(&mut self, goal: &Goal, value: &Value) -> Result<bool, ConstraintError> {
        let forms = self.forms(goal)?;
        self.holds(&forms, value)
    }

    fn array_holds(&mut self, array: &Array, list: &[Value]) -> Result<bool, ConstraintError> {
        if !within(list.len(), array.min, array.max) {
            return Ok(false);
        }
        for (index, value) in list.iter().enumerate() {
            if !self.fulfils(Goal::of_element(array, index), value)? {
                return Ok(false);
            }
            if array.unique && list[..index].iter().any(|before| equal(before, value)) {
                return Ok(false);
            }
        }
        for contains in &array.contains {
            let goal = Goal::of_term(contains.term);
            let mut count = 0;
            for value in list.iter().skip(contains.from) {
                count += usize::from(self.fulfils(&goal, value)?);
            }
            if !within(count, contains.min, contains.max) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn object_holds(
        &mut self,
        object: &Object,
        map: &serde_json::Map<String, Value>,
    ) -> Result<bool, ConstraintError> {
        if !within(map.len(), object.min, object.max)
            || !object.required.iter().all(|name| map.contains_key(&**name))
        {
            return Ok(false);
        }
        for (name, value) in map {
            if !self.fulfils(&object.value_of(name)?, value)? {
                return Ok(false);
            }
        }
        for (names, goal) in &object.some {
            let mut found = false;
            for (name, value) in map {
                found = found || names.has(name)? && self.fulfils(goal, value)?;
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Finds values in a list; in a long one without comparing each.
pub struct Finder<'l> {
    list: &'l [Value],
    texts: HashSet<String>,
}

/// Longest list in which each value is compared.
const SHORT: usize = 16;

impl<'l> Finder<'l> {
    pub fn new(list: &'l [Value]) -> Self {
        let texts = if list.len() > SHORT { list.iter().map(text).collect() } else { HashSet::new() };
        Self { list, texts }
    }

    pub fn has(&self, value: &Value) -> bool {
        if self.texts.is_empty() {
            return self.list.iter().any(|known| equal(known, value));
        }
        self.texts.contains(&text(value))
    }
}

/// A text that equal values have in common.
fn text(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(",");
    match value {
        Value::Number(number) => Decimal::of(number).text(),
        Value::Array(list) => format!("[{}]", joined(list.iter().map(text).collect())),
        Value::Object(map) => {
            let mut parts: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), text(value)))
                .collect();
            parts.sort_unstable();
            format!("{{{}}}", joined(parts))
        }
        other => other.to_string(),
    }
}

fn any<T>(
    all: &[T],
    mut holds: impl FnMut(&T) -> Result<bool, ConstraintError>,
) -> Result<bool, ConstraintError> {
    for one in all {
        if holds(one)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn within(count: usize, min: u32, max: Option<u32>) -> bool {
    count >= min as usize && max.is_none_or(|max| count <= max as usize)
}

/// Whether two values are equal; numbers by their value.
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Decimal::of(a) == Decimal::of(b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}
