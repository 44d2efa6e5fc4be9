//! Typed access to the key/value pairs.

use std::collections::BTreeMap;

use crate::{Array, GgufError, Integers, Strings, Value};

/// The key/value pairs of a header, in file order.
///
/// The typed accessors distinguish three cases: `Ok(None)` if the key is absent, the value, and an error that
/// names the key and the type found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metadata {
    entries: Vec<Entry>,
    /// Index in `entries` by key.
    index: BTreeMap<String, usize>,
}

#[derive(Clone, PartialEq, Debug)]
struct Entry {
    key: String,
    value: Value,
    /// File offset of the value.
    offset: u64,
}

impl Metadata {
    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// All pairs, in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), &entry.value))
    }

    /// Number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// An integer of any width that fits a `u32`: writers use different widths.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::OutOfRange`].
    pub fn u32(&self, key: &str) -> Result<Option<u32>, GgufError> {
        self.number(key, "a u32")
    }

    /// An integer of any width that fits a `u64`.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::OutOfRange`].
    pub fn u64(&self, key: &str) -> Result<Option<u64>, GgufError> {
        self.number(key, "a u64")
    }

    /// A float; an `f64` is rounded.
    ///
    /// # Errors
    /// [`GgufError::WrongType`].
    pub fn f32(&self, key: &str) -> Result<Option<f32>, GgufError> {
        self.read(key, "a float", |value| match *value {
            Value::F32(value) => Some(value),
            Value::F64(value) => Some(value as f32),
            _ => None,
        })
    }

    /// A boolean.
    ///
    /// # Errors
    /// [`GgufError::WrongType`].
    pub fn bool(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.read(key, "a bool", |value| match *value {
            Value::Bool(value) => Some(value),
            _ => None,
        })
    }

    /// A string.
    ///
    /// # Errors
    /// [`GgufError::WrongType`].
    pub fn str(&self, key: &str) -> Result<Option<&str>, GgufError> {
        self.read(key, "a string", |value| match value {
            Value::String(value) => Some(value.as_str()),
            _ => None,
        })
    }

    /// An array of any type.
    ///
    /// # Errors
    /// [`GgufError::WrongType`].
    pub fn array(&self, key: &str) -> Result<Option<&Array>, GgufError> {
        self.read(key, "an array", |value| match value {
            Value::Array(array) => Some(array),
            _ => None,
        })
    }

    /// An array of strings.
    ///
    /// # Errors
    /// [`GgufError::WrongType`].
    pub fn strings(&self, key: &str) -> Result<Option<&Strings>, GgufError> {
        self.read(key, "an array of strings", |value| match value {
            Value::Array(Array::Strings(elements)) => Some(elements),
            _ => None,
        })
    }

    /// An array of `f32`.
    ///
    /// # Errors
    /// [`GgufError::WrongType`].
    pub fn f32s(&self, key: &str) -> Result<Option<&[f32]>, GgufError> {
        self.read(key, "an array of f32", |value| match value {
            Value::Array(Array::F32(elements)) => Some(elements.as_slice()),
            _ => None,
        })
    }

    /// An array of booleans.
    ///
    /// # Errors
    /// [`GgufError::WrongType`].
    pub fn bools(&self, key: &str) -> Result<Option<&[bool]>, GgufError> {
        self.read(key, "an array of bool", |value| match value {
            Value::Array(Array::Bool(elements)) => Some(elements.as_slice()),
            _ => None,
        })
    }

    /// An array of integers of any width that fit an `i64`.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::OutOfRange`].
    pub fn integers(&self, key: &str) -> Result<Option<Integers<'_>>, GgufError> {
        let numbers = self.read(key, "an array of integers", |value| match value {
            Value::Array(array) => array.integers(),
            _ => None,
        })?;
        match numbers.and_then(|numbers| numbers.beyond_i64()) {
            Some(value) => Err(self.out_of_range(key, value.into(), "an i64")),
            None => Ok(numbers),
        }
    }

    /// The file offset of the value of `key`.
    pub(crate) fn offset(&self, key: &str) -> u64 {
        self.entry(key).map_or(0, |entry| entry.offset)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.index.contains_key(key)
    }

    /// Adds a pair; the key must be new.
    pub(crate) fn insert(&mut self, key: String, value: Value, offset: u64) {
        self.index.insert(key.clone(), self.entries.len());
        self.entries.push(Entry { key, value, offset });
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.index.get(key).and_then(|&position| self.entries.get(position))
    }

    fn number<T: TryFrom<i128>>(&self, key: &str, expected: &'static str) -> Result<Option<T>, GgufError> {
        let Some(value) = self.read(key, expected, Value::integer)? else { return Ok(None) };
        T::try_from(value).map(Some).map_err(|_| self.out_of_range(key, value, expected))
    }

    fn read<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        convert(&entry.value).map(Some).ok_or_else(|| GgufError::WrongType {
            offset: entry.offset,
            key: key.to_owned(),
            expected,
            found: entry.value.type_name(),
        })
    }

    fn out_of_range(&self, key: &str, value: i128, expected: &'static str) -> GgufError {
        GgufError::OutOfRange { offset: self.offset(key), key: key.to_owned(), value, expected }
    }
}
