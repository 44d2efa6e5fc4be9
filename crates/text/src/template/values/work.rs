//! Charges for work. minijinja charges one unit of fuel per instruction or per 64 bytes; this module charges
//! in advance for what minijinja misses or notices too late.
//!
//! A byte of new text costs as much as reading [`TEXT`] bytes. This limits the text of a whole rendering, and so its
//! memory, to a quarter of what its fuel could copy.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// Bytes read per unit of fuel.
pub(in crate::template) const BYTES_PER_FUEL: u64 = 64;
/// Cost of a byte of new text, in bytes read.
pub(in crate::template) const TEXT: u64 = 4;
/// Cost of reading an item, in bytes.
pub(in crate::template) const ITEM: u64 = 4;
/// Cost of an item in a new list, in bytes, in addition to minijinja's charge.
pub(in crate::template) const SLOT: u64 = 64;
/// Maximum nesting of a value. JSON input has at most 128 levels.
pub(in crate::template) const MAX_DEPTH: usize = 160;

/// A rendering's remaining fuel, in bytes. [`Work::done`] charges what was spent.
pub(in crate::template) struct Work {
    at_start: u64,
    left: u64,
}

impl Work {
    pub(in crate::template) fn new(state: &State) -> Self {
        let left = state.fuel_levels().map_or(u64::MAX, |(_, left)| left.saturating_mul(BYTES_PER_FUEL));
        Self { at_start: left, left }
    }

    /// Like [`Self::new`], with an upper limit.
    pub(in crate::template) fn at_most(state: &State, limit: u64) -> Self {
        let left = Self::new(state).left.min(limit);
        Self { at_start: left, left }
    }

    pub(in crate::template) fn spend(&mut self, bytes: u64) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| Error::from(ErrorKind::OutOfFuel))?;
        Ok(())
    }

    /// Charges for `bytes` of new text.
    pub(in crate::template) fn text(&mut self, bytes: usize) -> Result<(), Error> {
        self.spend((bytes as u64).saturating_mul(TEXT))
    }

    /// Charges for a full walk over `value`, as in printing, hashing or comparing it: shared parts count each
    /// time.
    ///
    /// # Errors
    /// If the fuel does not suffice, or the value is nested too deeply.
    pub(in crate::template) fn all_of(&mut self, value: &Value) -> Result<(), Error> {
        self.walk(value, 0)
    }

    fn walk(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.spend(ITEM + value.as_str().map_or(0, |text| text.len() as u64))?;
        if !is_container(value) {
            return Ok(());
        }
        if depth > MAX_DEPTH || depth > 0 && is_namespace(value) {
            return Err(too_deep());
        }
        if let (ValueKind::Map, Some(object)) = (value.kind(), value.as_object()) {
            for (key, value) in object.try_iter_pairs().into_iter().flatten() {
                self.walk(&key, depth + 1)?;
                self.walk(&value, depth + 1)?;
            }
            return Ok(());
        }
        for item in value.try_iter()?.checked() {
            self.walk(&item?, depth + 1)?;
        }
        Ok(())
    }

    /// Charges for an argument, which may be copied: for the text of a string or of keyword arguments, but not
    /// for the contents of containers.
    pub(in crate::template) fn argument(&mut self, value: &Value) -> Result<(), Error> {
        let named = value.as_object().filter(|_| value.is_kwargs());
        for (_, value) in named.and_then(|named| named.try_iter_pairs()).into_iter().flatten() {
            self.argument(&value)?;
        }
        self.text(value.as_str().map_or(0, str::len))
    }

    pub(in crate::template) fn spent(&self) -> u64 {
        self.at_start - self.left
    }

    pub(in crate::template) fn done(self, state: &State) -> Result<(), Error> {
        state.consume_fuel(self.spent() / BYTES_PER_FUEL)
    }
}

/// Charges for reading `bytes`.
pub(in crate::template) fn pay(state: &State, bytes: usize) -> Result<(), Error> {
    state.consume_fuel(bytes as u64 / BYTES_PER_FUEL)
}

/// Charges for a full walk over `value`.
pub(in crate::template) fn pay_for_all_of(state: &State, value: &Value) -> Result<(), Error> {
    let mut work = Work::new(state);
    work.all_of(value)?;
    work.done(state)
}

/// Charges for `bytes` of new text. Call it before creating the text.
pub(in crate::template) fn pay_for_text(state: &State, bytes: usize) -> Result<(), Error> {
    let mut work = Work::new(state);
    work.text(bytes)?;
    work.done(state)
}

/// Charges for a call's result. Text costs more than minijinja charges, and so do the slots of lists.
pub(in crate::template) fn pay_after(state: &State, result: &Value) -> Result<(), Error> {
    let mut work = Work::new(state);
    match result.kind() {
        ValueKind::String => {
            work.spend(result.as_str().map_or(0, |text| text.len() as u64).saturating_mul(TEXT - 1))?;
        }
        ValueKind::Seq => work.spend((result.len().unwrap_or(0) as u64).saturating_mul(SLOT + ITEM))?,
        _ => {}
    }
    work.done(state)
}

pub(in crate::template) fn is_container(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable)
}

pub(in crate::template) fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

pub(in crate::template) fn too_deep() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a value is nested too deeply")
}

pub(in crate::template) fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
