//! Looking tensors up by name, with their shapes checked.

use std::cell::RefCell;
use std::collections::HashMap;

use linnet_gguf::{Gguf, TensorInfo};
use linnet_graph::{Builder, WeightId};

use crate::ModelError;

/// The tensor directory of a file, seen while recording.
pub(crate) struct Tensors<'a> {
    directory: HashMap<&'a str, &'a TensorInfo>,
    /// What was declared so far: a tensor that is read twice is one weight.
    read: RefCell<HashMap<String, WeightId>>,
}

impl<'a> Tensors<'a> {
    pub(crate) fn new(header: &'a Gguf) -> Self {
        let directory = header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        Self { directory, read: RefCell::default() }
    }

    /// Whether there is such a tensor.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.directory.contains_key(name)
    }

    /// Declares a tensor of the dimensions `dims` (row length first) as `rows` rows of `cols` values.
    pub(crate) fn find(
        &self,
        builder: &Builder,
        name: &str,
        dims: &[usize],
    ) -> Result<Option<WeightId>, ModelError> {
        let Some(info) = self.directory.get(name) else { return Ok(None) };
        let dims: Vec<u64> = dims.iter().map(|d| *d as u64).collect();
        // Trailing dimensions of 1 say nothing.
        let significant = info.dims.iter().rposition(|d| *d != 1).map_or(1, |last| last + 1);
        let expected = dims.iter().rposition(|d| *d != 1).map_or(1, |last| last + 1);
        if info.dims.get(..significant) != dims.get(..expected) {
            return Err(ModelError::TensorShape {
                tensor: name.to_owned(),
                expected: dims,
                found: info.dims.clone(),
            });
        }
        if let Some(weight) = self.read.borrow().get(name) {
            return Ok(Some(*weight));
        }
        let (cols, rows) = dims.split_first().map_or((1, 1), |(cols, rows)| (*cols, rows.iter().product()));
        // A product beyond 32 bits is beyond any memory that could be asked for it.
        let [rows, cols] = [rows, cols].map(|n: u64| usize::try_from(n).unwrap_or(usize::MAX));
        let weight = builder.weight(name, info.dtype, rows, cols);
        self.read.borrow_mut().insert(name.to_owned(), weight);
        Ok(Some(weight))
    }

    /// A tensor of a layer below `layers` that nothing read: the file is of a variant that we do not know.
    pub(crate) fn unread(&self, layers: usize) -> Option<&'a str> {
        let read = self.read.borrow();
        let of_layer = |name: &str| {
            let index = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next());
            index.and_then(|index| index.parse().ok()).is_some_and(|index: usize| index < layers)
        };
        let unread = self.directory.keys().filter(|name| of_layer(name) && !read.contains_key(**name));
        unread.min().copied()
    }
}
