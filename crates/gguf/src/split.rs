//! Models in several files (`NAME-00001-of-00003.gguf`, ...), as llama.cpp's `gguf-split` makes them: the first has the
//! metadata, each has tensors.

use std::collections::BTreeSet;

use crate::{Gguf, GgufError};

const NO: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";

/// Which part of a model a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split {
    /// Its number, from 0.
    pub no: u32,
    /// How many parts there are: at least two.
    pub count: u32,
    /// Tensors of all parts together, where the file says.
    pub tensors: Option<u32>,
}

impl Gguf {
    /// Which part this file is; `None` for a model in one file.
    ///
    /// # Errors
    /// [`GgufError::WrongType`], [`GgufError::OutOfRange`]; [`GgufError::BadSplit`] where its number is beyond the count.
    pub fn split(&self) -> Result<Option<Split>, GgufError> {
        let Some(count) = self.metadata.u32(COUNT)?.filter(|&count| count > 1) else { return Ok(None) };
        let no = self.metadata.u32(NO)?.unwrap_or(0);
        if no >= count {
            let reason = format!("its number is {no}, but there are {count} parts");
            return Err(GgufError::BadSplit { offset: self.metadata.offset(NO), part: no, reason });
        }
        Ok(Some(Split { no, count, tensors: self.metadata.u32(TENSORS)? }))
    }

    /// Refuses a file that is only a part of a model.
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

/// Joins the headers of a model's parts, given in order, into one, as if each file ended with its last tensor
/// ([`Gguf::file_len`]) and the next one followed it at once: that is what the tensors' offsets count.
///
/// # Errors
/// [`GgufError::BadSplit`] where a part is missing, out of order or of another model; [`GgufError::DuplicateTensor`].
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
            return bad(index, "it is no part of a split model".to_owned());
        };
        if split.no as usize != index {
            return bad(index, format!("it is part {} of {}", u64::from(split.no) + 1, split.count));
        }
        if split.count as usize != given {
            return bad(index, format!("there are {} parts, of which {given} were given", split.count));
        }
        let Some(next) = start.checked_add(header.file_len()) else {
            return bad(index, "the parts are longer than any file".to_owned());
        };
        for tensor in &mut header.tensors {
            // No further than `next`.
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
        return bad(0, format!("the parts have {} tensors instead of {expected}", joined.tensors.len()));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = joined.tensors.iter().find(|tensor| !names.insert(tensor.name.as_str())) {
        return Err(GgufError::DuplicateTensor { offset: 0, tensor: twice.name.clone() });
    }
    Ok(joined)
}
