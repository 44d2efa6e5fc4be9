//! Charging for work. The engine charges one unit of fuel per instruction or per 64 bytes; this module charges for what the
//! engine misses or notices too late, before the work is done.
//!
//! A byte of new text costs as much as [`TEXT`] bytes that are read. This bounds the text of a whole rendering, and so its
//! memory, to a quarter of what its fuel could copy.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// Bytes that are looked at for one unit of fuel.
pub(super) const BYTES_PER_FUEL: u64 = 64;
/// What a byte of new text costs, in bytes that are looked at.
pub(super) const TEXT: u64 = 4;
/// What an item costs that is looked at, in bytes.
pub(super) const ITEM: u64 = 4;
/// What an item costs that is kept in a new list, in bytes, beside what the engine counts.
pub(super) const SLOT: u64 = 64;
/// How deep a value may nest. JSON of the outside has at most 128 levels.
pub(super) const MAX_DEPTH: usize = 160;

/// What is left of a rendering's fuel, in bytes. [`Work::done`] pays for what was spent.
pub(super) struct Work {
    at_start: u64,
    left: u64,
}

impl Work {
    pub(super) fn new(state: &State) -> Self {
        let left = state.fuel_levels().map_or(u64::MAX, |(_, left)| left.saturating_mul(BYTES_PER_FUEL));
        Self { at_start: left, left }
    }

    /// As [`Self::new`], and no more than `limit`.
    pub(super) fn at_most(state: &State, limit: u64) -> Self {
        let left = Self::new(state).left.min(limit);
        Self { at_start: left, left }
    }

    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| Error::from(ErrorKind::OutOfFuel))?;
        Ok(())
    }

    /// Pays for `bytes` of new text.
    pub(super) fn text(&mut self, bytes: usize) -> Result<(), Error> {
        self.spend((bytes as u64).saturating_mul(TEXT))
    }

    /// Pays for a full walk over `value`, as printing, hashing or comparing it makes: shared parts count each time.
    ///
    /// # Errors
    /// Where the fuel does not suffice, or the value is nested too deeply.
    pub(super) fn all_of(&mut self, value: &Value) -> Result<(), Error> {
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

    pub(super) fn spent(&self) -> u64 {
        self.at_start - self.left
    }

    pub(super) fn done(self, state: &State) -> Result<(), Error> {
        state.consume_fuel(self.spent() / BYTES_PER_FUEL)
    }
}

/// Pays for looking at `bytes`.
pub(super) fn pay(state: &State, bytes: usize) -> Result<(), Error> {
    state.consume_fuel(bytes as u64 / BYTES_PER_FUEL)
}

/// Pays for a full walk over `value`.
pub(super) fn pay_for_all_of(state: &State, value: &Value) -> Result<(), Error> {
    let mut work = Work::new(state);
    work.all_of(value)?;
    work.done(state)
}

/// Pays for `bytes` of new text. Call it before the text is made.
pub(super) fn pay_for_text(state: &State, bytes: usize) -> Result<(), Error> {
    let mut work = Work::new(state);
    work.text(bytes)?;
    work.done(state)
}

pub(super) fn is_container(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable)
}

pub(super) fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

pub(super) fn too_deep() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a value is nested too deeply")
}

pub(super) fn invalid(reason: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}
