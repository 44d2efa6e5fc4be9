//! Why a module cannot be composed.

use std::error::Error;
use std::fmt;

/// A fault in the directives of a shader's source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ComposeError {
    /// The file, as a path in the folder `shaders`.
    pub(super) file: &'static str,
    /// The line, counted from 1.
    pub(super) line: usize,
    pub(super) problem: Problem,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Problem {
    UnknownDirective(&'static str),
    UnknownInclude(&'static str),
    /// `#include format` in a kernel without a block format.
    NoFormat,
    /// The module neither declares nor includes a name that the included file requires.
    UnmetRequirement {
        name: String,
        by: &'static str,
    },
    /// `#else` or `#end` without `#if`.
    NoCondition,
    /// `#if` without `#end`.
    OpenCondition,
}

impl fmt::Display for ComposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ComposeError { file, line, problem } = self;
        write!(f, "{file}:{line}: ")?;
        match problem {
            Problem::UnknownDirective(directive) => write!(f, "unknown directive `{directive}`"),
            Problem::UnknownInclude(name) => write!(f, "unknown include `{name}`"),
            Problem::NoFormat => f.write_str("the kernel has no such block format"),
            Problem::UnmetRequirement { name, by } => {
                write!(f, "{by} requires `{name}`, which the module neither declares nor includes")
            }
            Problem::NoCondition => f.write_str("there is no `#if` before it"),
            Problem::OpenCondition => f.write_str("an `#if` has no `#end`"),
        }
    }
}

impl Error for ComposeError {}
