//! Split models (`NAME-00001-of-00003.gguf`, ...), as made by llama.cpp's `gguf-split`: the first file has
//! the metadata, and each file has tensors.

use std::collections::BTreeSet;

use crate::{Gguf, GgufError};

const NO: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

/// A file's place in a split model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split {
    /// Index of the part, from 0.
    pub no: u32,
    /// Number of parts, at least two.
    pub count: u32,
    /// Number of tensors in all parts, if the file states it.
    pub tensors: Option<u32>,
}

impl Gguf {
    /// Which part this file is; `None` if the model is not split.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::OutOfRange`]; [`GgufError::BadSplit`] if its index is not below
    /// the count.
    pub fn split(&self) -> Result<Option<Split>, GgufError> {
        let Some(count) = self.metadata.u32(COUNT)?.filter(|&count| count > 1) else { return Ok(None) };
        let no = self.metadata.u32(NO)?.unwrap_or(0);
        if no >= count {
            let reason = format!("its index is {no}, but there are only {count} parts");
            return Err(GgufError::BadSplit { offset: self.metadata.offset(NO), part: no, reason });
        }
        Ok(Some(Split { no, count, tensors: self.metadata.u32(TENSORS)? }))
    }

    /// Rejects a file that is one part of a split model.
    ///
    /// # Errors
    /// [`GgufError::PartOfSplit`], and those of [`Gguf::split`].
    pub fn require_whole(&self) -> Result<(), GgufError> {
        match self.split()? {
            None => Ok(()),
            Some(Split { no, count, .. }) => {
                Err(GgufError::PartOfSplit { offset: self.metadata.offset(NO), no, count })
            }
        }
    }
}

/// Joins the headers of all parts, given in order. Tensor offsets become offsets into the concatenated files,
/// each cut after its last tensor ([`Gguf::file_len`]).
///
/// # Errors
/// [`GgufError::BadSplit`] if a part is missing, out of order or from another model;
/// [`GgufError::DuplicateTensor`].
pub fn join(parts: Vec<Gguf>) -> Result<Gguf, GgufError> {
    let bad = |part: usize, reason: String| {
        let part = u32::try_from(part).unwrap_or(u32::MAX);
        Err(GgufError::BadSplit { offset: 0, part, reason })
    };
    let given = parts.len();
    let mut expected = None;
    let mut start = 0_u64;
    let mut joined: Option<Gguf> = None;
    for (index, mut header) in parts.into_iter().enumerate() {
        let Some(split) = header.split()? else {
            return bad(index, "it is not part of a split model".to_owned());
        };
        if split.no as usize != index {
            return bad(
                index,
                format!("got part {} of {} in its place", u64::from(split.no) + 1, split.count),
            );
        }
        if split.count as usize != given {
            return bad(index, format!("there are {} parts, but {given} were given", split.count));
        }
        let Some(next) = start.checked_add(header.file_len()) else {
            return bad(index, "the length of all parts overflows".to_owned());
        };
        for tensor in &mut header.tensors {
            // Not beyond `next`.
            tensor.offset += start;
        }
        start = next;
        match &mut joined {
            None => {
                expected = split.tensors;
                joined = Some(header);
            }
            Some(joined) => joined.tensors.append(&mut header.tensors),
        }
    }
    let Some(joined) = joined else { return bad(0, "there are no parts".to_owned()) };
    if let Some(expected) = expected.filter(|&expected| expected as usize != joined.tensors.len()) {
        return bad(0, format!("expected {expected} tensors, got {}", joined.tensors.len()));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = joined.tensors.iter().find(|tensor| !names.insert(tensor.name.as_str())) {
        return Err(GgufError::DuplicateTensor { offset: 0, tensor: twice.name.clone() });
    }
    Ok(joined)
}
