//! Arguments as in Python: positional or by keyword.

use minijinja::value::{Kwargs, Rest, Value, ValueOrKwargs, from_args};
use minijinja::{Error, ErrorKind};

pub(in crate::template) struct Arguments {
    by_place: Vec<Value>,
    by_name: Kwargs,
}

impl Arguments {
    pub(in crate::template) fn new(args: Rest<ValueOrKwargs>) -> Result<Self, Error> {
        Self::of(&args.into_values())
    }

    /// The arguments of a call, without its subject.
    pub(in crate::template) fn of(args: &[Value]) -> Result<Self, Error> {
        let (by_place, by_name): (&[Value], Kwargs) = from_args(args)?;
        Ok(Self { by_place: by_place.to_vec(), by_name })
    }

    /// In the form that minijinja's filters expect: all but the subject by keyword, an index as text.
    pub(in crate::template) fn by_name(args: &[Value], names: &[&str]) -> Result<Vec<Value>, Error> {
        let (by_place, by_name): (&[Value], Kwargs) = from_args(args)?;
        let Some((subject, by_place)) = by_place.split_first() else { return Ok(args.to_vec()) };
        if by_place.len() > names.len() {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        let mut named: Vec<(String, Value)> =
            names.iter().map(|name| (*name).to_owned()).zip(by_place.iter().cloned()).collect();
        for name in by_name.args() {
            named.push((name.to_owned(), by_name.peek(name)?));
        }
        for (_, value) in named.iter_mut().filter(|(name, value)| name == "attribute" && value.is_integer()) {
            *value = value.to_string().into();
        }
        Ok(vec![subject.clone(), named.into_iter().collect::<Kwargs>().into()])
    }

    /// The value that the filter applies to.
    pub(in crate::template) fn subject(&self) -> Result<&Value, Error> {
        self.by_place.first().ok_or_else(|| Error::from(ErrorKind::MissingArgument))
    }

    /// The argument at this position after the subject, or with this name; `None` if it is `none`.
    pub(in crate::template) fn value(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
        let by_name: Option<Value> = self.by_name.get(name)?;
        let value = self.by_place.get(place).cloned().or(by_name);
        Ok(value.filter(|value| !value.is_none()))
    }

    /// Like [`Self::value`], as an integer.
    pub(in crate::template) fn integer(&self, place: usize, name: &str) -> Result<Option<i64>, Error> {
        self.value(place, name)?.map(i64::try_from).transpose()
    }

    /// Like [`Self::value`], as a boolean.
    pub(in crate::template) fn flag(&self, place: usize, name: &str) -> Result<Option<bool>, Error> {
        Ok(self.value(place, name)?.map(|value| value.is_true()))
    }

    /// Like [`Self::value`], as a string.
    pub(in crate::template) fn text(&self, place: usize, name: &str) -> Result<Option<String>, Error> {
        let text = |value: Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| super::work::invalid(format!("{name} must be a string")))
        };
        self.value(place, name)?.map(text).transpose()
    }

    /// Rejects unknown arguments.
    pub(in crate::template) fn done(self, places: usize) -> Result<(), Error> {
        if self.by_place.len() > places + 1 {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        self.by_name.assert_all_used()
    }
}
