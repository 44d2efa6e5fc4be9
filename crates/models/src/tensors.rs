//! Looks up tensors by name and checks their shapes.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use linnet_gguf::{Gguf, TensorInfo};
use linnet_graph::{Builder, WeightId};
use linnet_quant::DType;

use crate::ModelError;

/// The tensor directory of a file during recording.
pub(crate) struct Tensors<'a> {
    directory: HashMap<&'a str, &'a TensorInfo>,
    /// The declared weights; a tensor that is read twice is declared once.
    read: RefCell<HashMap<String, WeightId>>,
    /// Tensors that may be in files although no architecture reads them.
    idle: RefCell<HashSet<String>>,
    /// The first required tensor that is missing.
    missing: RefCell<Option<String>>,
}

/// Parts of other models in the same file that text does not need: encoders of images and audio.
const BESIDE_TEXT: [&str; 3] = ["v.", "mm.", "a."];
/// Rope frequencies in old files, which duplicate the metadata.
const REDUNDANT: &str = ".attn_rot_embd.weight";

impl<'a> Tensors<'a> {
    pub(crate) fn new(header: &'a Gguf) -> Self {
        let directory = header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
        Self { directory, read: RefCell::default(), idle: RefCell::default(), missing: RefCell::default() }
    }

    /// Whether there is such a tensor.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.directory.contains_key(name)
    }

    /// Ignores a tensor that files of this architecture have, but the model does not need.
    pub(crate) fn idle(&self, name: String) {
        self.idle.borrow_mut().insert(name);
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
        // Trailing dimensions of 1 have no meaning.
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
        Ok(Some(self.declare(builder, name, info.dtype, &dims)))
    }

    /// The same for a required tensor. A missing one is reported at the end: a file of an unknown variant has other
    /// tensors instead, and their names are more informative.
    pub(crate) fn require(
        &self,
        builder: &Builder,
        name: &str,
        dims: &[usize],
    ) -> Result<WeightId, ModelError> {
        if let Some(weight) = self.find(builder, name, dims)? {
            return Ok(weight);
        }
        self.missing.borrow_mut().get_or_insert_with(|| name.to_owned());
        let dims: Vec<u64> = dims.iter().map(|d| *d as u64).collect();
        Ok(self.declare(builder, name, DType::F32, &dims))
    }

    fn declare(&self, builder: &Builder, name: &str, dtype: DType, dims: &[u64]) -> WeightId {
        let (cols, rows) = dims.split_first().map_or((1, 1), |(cols, rows)| (*cols, rows.iter().product()));
        // A product of more than 32 bits exceeds any memory that could be allocated for it.
        let [rows, cols] = [rows, cols].map(|n: u64| usize::try_from(n).unwrap_or(usize::MAX));
        let weight = builder.weight(name, dtype, rows, cols);
        self.read.borrow_mut().insert(name.to_owned(), weight);
        weight
    }

    /// Rejects a file of an unknown variant, which has tensors that were not read, and a file that lacks required ones.
    /// Tensors of layers from `layers` on may be unread.
    pub(crate) fn check(&self, architecture: &str, layers: usize) -> Result<(), ModelError> {
        let (read, idle) = (self.read.borrow(), self.idle.borrow());
        let further = |name: &str| {
            let index = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next());
            index.and_then(|index| index.parse().ok()).is_some_and(|index: usize| index >= layers)
        };
        let ignored = |name: &str| {
            further(name)
                || idle.contains(name)
                || name.ends_with(REDUNDANT)
                || BESIDE_TEXT.iter().any(|start| name.starts_with(start))
        };
        let unread = self.directory.keys().filter(|name| !read.contains_key(**name) && !ignored(name)).min();
        if let Some(tensor) = unread {
            let (architecture, tensor) = (architecture.to_owned(), (*tensor).to_owned());
            return Err(ModelError::UnsupportedTensor { architecture, tensor });
        }
        match &*self.missing.borrow() {
            Some(tensor) => Err(ModelError::MissingTensor { tensor: tensor.clone() }),
            None => Ok(()),
        }
    }
}
