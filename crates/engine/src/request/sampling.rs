//! Sampling parameters: everything that is known of each is one entry of the table below.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::fields::{count, number};
use super::path::Path;
use crate::Error;

/// A sampling parameter, as others than the sampler see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplingParameter {
    /// Its name in requests.
    pub name: &'static str,
    /// What it does; the default is part of it.
    pub docs: &'static [&'static str],
    /// The default.
    pub default: f32,
    /// The least value.
    pub least: f32,
}

/// Defines [`Sampling`] and everything that depends on its fields: `name: type = default, range`.
macro_rules! sampling_parameters {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:literal, $range:expr;)+) => {
        /// Sampling parameters. The defaults are llama.cpp's.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct Sampling {
            $($(#[doc = $doc])+ pub $name: $kind,)+
            /// The same seed and request give the same answer; random by default.
            pub seed: Option<u64>,
        }

        impl Default for Sampling {
            fn default() -> Self {
                Sampling { $($name: $default,)+ seed: None }
            }
        }

        /// Sampling parameters; each may be unset.
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct PartialSampling {
            $($(#[doc = $doc])+ pub $name: Option<$kind>,)+
            /// The same seed and request give the same answer; random by default.
            pub seed: Option<u64>,
        }

        impl From<Sampling> for PartialSampling {
            fn from(sampling: Sampling) -> Self {
                PartialSampling { $($name: Some(sampling.$name),)+ seed: sampling.seed }
            }
        }

        impl Sampling {
            /// All parameters.
            pub const PARAMETERS: &[SamplingParameter] = &[$(SamplingParameter {
                name: stringify!($name),
                docs: &[$($doc),+],
                default: $default as f32,
                least: *$range.start() as f32,
            },)+];
        }

        impl PartialSampling {
            /// These parameters, and those of `below` where they are unset.
            pub fn over(self, below: PartialSampling) -> PartialSampling {
                PartialSampling { $($name: self.$name.or(below.$name),)+ seed: self.seed.or(below.seed) }
            }

            /// These parameters, and the defaults where they are unset.
            pub fn resolve(self) -> Sampling {
                Sampling { $($name: self.$name.unwrap_or($default),)+ seed: self.seed }
            }

            /// Sets the parameter that `path` names, if it is one.
            pub(super) fn read(&mut self, path: &Path<'_>, name: &str, value: &Value) -> Result<bool, Error> {
                match name {
                    $(stringify!($name) => self.$name = Some(<$kind>::parse(path, value)?),)+
                    _ => return Ok(false),
                }
                Ok(true)
            }

            /// Checks the ranges.
            pub(crate) fn check(&self) -> Result<(), Error> {
                $(if let Some(value) = self.$name {
                    in_range(stringify!($name), value, $range)?;
                })+
                Ok(())
            }
        }
    };
}

// The docs end with the default, "; 0.8 by default": `the_documentation_tells_the_default` compares it.
sampling_parameters! {
    /// Sampling temperature; 0 always takes the most likely token; 0.8 by default.
    temperature: f32 = 0.8, 0.0..=100.0;
    /// Samples only from this many of the most likely tokens; 40 by default, 0 turns it off.
    top_k: usize = 40, 0..=usize::MAX;
    /// Samples only from the most likely tokens whose probabilities add up to this; 0.95 by default, 1 turns it off.
    top_p: f32 = 0.95, 0.0..=1.0;
    /// Rejects tokens whose probability is below this fraction of the most likely token's; 0.05 by default, 0 turns it
    /// off.
    min_p: f32 = 0.05, 0.0..=1.0;
    /// Divides positive logits of the last 64 tokens by this, and multiplies negative ones; 1 by default, which turns
    /// it off.
    repetition_penalty: f32 = 1.0, 0.01..=100.0;
    /// Subtracted once from the logit of each token that the answer already contains; 0 by default.
    presence_penalty: f32 = 0.0, -100.0..=100.0;
    /// Subtracted from a token's logit for each time that the answer already contains it; 0 by default.
    frequency_penalty: f32 = 0.0, -100.0..=100.0;
}

impl Sampling {
    /// Always picks the most likely token.
    pub fn greedy() -> Self {
        Sampling { temperature: 0.0, ..Self::default() }
    }
}

impl PartialSampling {
    /// Sets a parameter by its name in requests.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if there is no such parameter, or it takes no such value. The range is checked when
    /// an answer starts.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), Error> {
        let path = &Path::of(name);
        match self.read(path, name, value)? {
            true => Ok(()),
            false => Err(path.invalid("is not supported")),
        }
    }
}

/// A type of parameters.
trait Parse: Sized {
    fn parse(path: &Path<'_>, value: &Value) -> Result<Self, Error>;
}

impl Parse for f32 {
    fn parse(path: &Path<'_>, value: &Value) -> Result<Self, Error> {
        number(path, value)
    }
}

impl Parse for usize {
    fn parse(path: &Path<'_>, value: &Value) -> Result<Self, Error> {
        count(path, value)
    }
}

fn in_range<T: PartialOrd + Display + Into<Value> + Copy>(
    field: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    let reason = format!("is {value}, but must be from {} to {}", range.start(), range.end());
    Err(Error::invalid_value(field, value, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_tells_the_default() {
        for SamplingParameter { name, docs, default, .. } in Sampling::PARAMETERS {
            assert!(docs.concat().contains(&format!("; {default} by default")), "{name}: {docs:?}");
        }
    }

    #[test]
    fn every_parameter_is_read_and_checked() {
        for parameter in Sampling::PARAMETERS {
            let mut sampling = PartialSampling::default();
            sampling.check().unwrap();
            sampling.set(parameter.name, &Value::from(parameter.least)).unwrap();
            sampling.check().unwrap();
            // Whole numbers have no value below their range.
            if sampling.set(parameter.name, &Value::from(parameter.least - 1.0)).is_ok() {
                assert!(sampling.check().is_err(), "{}", parameter.name);
            }
        }
        assert!(PartialSampling::default().set("top_q", &Value::from(1)).is_err());
    }

    #[test]
    fn unset_parameters_come_from_below() {
        let above = PartialSampling { temperature: Some(0.0), ..PartialSampling::default() };
        let below = PartialSampling { temperature: Some(1.0), top_k: Some(7), ..PartialSampling::default() };
        let expected = Sampling { temperature: 0.0, top_k: 7, ..Sampling::default() };
        assert_eq!(above.over(below).resolve(), expected);
        assert_eq!(PartialSampling::from(expected).over(above), expected.into());
    }
}
