//! Looking tensors up by name, with their shapes checked.

use std::collections::HashMap;

use linnet_gguf::{Gguf, TensorInfo};
use linnet_graph::{Builder, WeightId};

use crate::ModelError;

/// The tensor directory of a file, seen while recording into `builder`.
pub(crate) struct Tensors<'a> {
    directory: HashMap<&'a str, &'a TensorInfo>,
    builder: &'a Builder,
}

impl<'a> Tensors<'a> {
    pub(crate) fn new(header: &'a Gguf, builder: &'a Builder) -> Self {
        let directory = header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        Self { directory, builder }
    }

    /// A matrix that maps `cols` inputs to `rows` outputs.
    pub(crate) fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<WeightId, ModelError> {
        self.optional_matrix(name, rows, cols)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn optional_matrix(
        &self,
        name: &str,
        rows: usize,
        cols: usize,
    ) -> Result<Option<WeightId>, ModelError> {
        self.lookup(name, &[cols as u64, rows as u64], rows, cols)
    }

    /// A vector of `len` values.
    pub(crate) fn vector(&self, name: &str, len: usize) -> Result<WeightId, ModelError> {
        self.optional_vector(name, len)?.ok_or_else(|| missing(name))
    }

    pub(crate) fn optional_vector(&self, name: &str, len: usize) -> Result<Option<WeightId>, ModelError> {
        self.lookup(name, &[len as u64], 1, len)
    }

    fn lookup(
        &self,
        name: &str,
        dims: &[u64],
        rows: usize,
        cols: usize,
    ) -> Result<Option<WeightId>, ModelError> {
        let Some(info) = self.directory.get(name) else { return Ok(None) };
        // Trailing dimensions of 1 say nothing.
        let significant = info.dims.iter().rposition(|d| *d != 1).map_or(1, |last| last + 1);
        let expected = dims.iter().rposition(|d| *d != 1).map_or(1, |last| last + 1);
        if info.dims.get(..significant) != dims.get(..expected) {
            return Err(ModelError::TensorShape {
                tensor: name.to_owned(),
                expected: dims.to_vec(),
                found: info.dims.clone(),
            });
        }
        Ok(Some(self.builder.weight(name, info.dtype, rows, cols)))
    }
}

fn missing(name: &str) -> ModelError {
    ModelError::MissingTensor { tensor: name.to_owned() }
}
