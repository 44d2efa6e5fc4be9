//! Reads reference files: safetensors and JSON.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

/// Why a reference file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It is not a valid file of its format.
    #[error("`{}` is not valid {format}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// `JSON` or `safetensors`.
        format: &'static str,
        /// The reason.
        reason: String,
    },
    /// A tensor is missing or has the wrong type or shape.
    #[error("`{}`: the tensor `{tensor}` {reason}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The reason.
        reason: String,
    },
}

/// A safetensors file in memory.
pub struct Golden {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A tensor's elements and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T> {
    /// Row-major.
    pub values: Vec<T>,
    /// Lengths of the dimensions.
    pub shape: Vec<usize>,
}

impl<T> Tensor<T> {
    /// The rows; a vector is one row.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &[T]> + ExactSizeIterator {
        let width = self.shape.last().copied().unwrap_or(1).max(1);
        self.values.chunks_exact(width)
    }
}

impl Golden {
    /// Reads the file at `path` and checks its header.
    ///
    /// # Errors
    /// [`GoldenError::Read`], [`GoldenError::Format`].
    pub fn open(path: &Path) -> Result<Golden, GoldenError> {
        let bytes = read(path)?;
        let golden = Golden { path: path.to_owned(), bytes };
        golden.tensors()?;
        Ok(golden)
    }

    /// The tensors' names, sorted.
    ///
    /// # Errors
    /// [`GoldenError::Format`].
    pub fn names(&self) -> Result<Vec<String>, GoldenError> {
        let mut names: Vec<String> = self.tensors()?.names().into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// A tensor of f32.
    ///
    /// # Errors
    /// [`GoldenError::Tensor`] if it is missing or has another type.
    pub fn f32(&self, name: &str) -> Result<Tensor<f32>, GoldenError> {
        self.tensor(name, Dtype::F32, f32::from_le_bytes)
    }

    /// A tensor of token ids, stored as non-negative i32.
    ///
    /// # Errors
    /// [`GoldenError::Tensor`] if it is missing, has another type or contains a negative id.
    pub fn tokens(&self, name: &str) -> Result<Tensor<u32>, GoldenError> {
        let Tensor { values, shape } = self.tensor(name, Dtype::I32, i32::from_le_bytes)?;
        let values = values.into_iter().map(u32::try_from).collect::<Result<_, _>>();
        let values = values.map_err(|_| self.bad(name, "contains a negative token id".to_owned()))?;
        Ok(Tensor { values, shape })
    }

    /// A tensor of bytes.
    ///
    /// # Errors
    /// [`GoldenError::Tensor`] if it is missing or has another type.
    pub fn bytes(&self, name: &str) -> Result<Tensor<u8>, GoldenError> {
        self.tensor(name, Dtype::U8, u8::from_le_bytes)
    }

    /// An error about one of the file's tensors.
    pub fn bad(&self, tensor: &str, reason: String) -> GoldenError {
        GoldenError::Tensor { path: self.path.clone(), tensor: tensor.to_owned(), reason }
    }

    fn tensor<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        decode: impl Fn([u8; N]) -> T,
    ) -> Result<Tensor<T>, GoldenError> {
        let tensors = self.tensors()?;
        let view = tensors.tensor(name).map_err(|_| self.bad(name, "is missing".to_owned()))?;
        if view.dtype() != dtype {
            return Err(self.bad(name, format!("is {:?}, expected {dtype:?}", view.dtype())));
        }
        let values = view.data().as_chunks::<N>().0.iter().map(|bytes| decode(*bytes)).collect();
        Ok(Tensor { values, shape: view.shape().to_vec() })
    }

    fn tensors(&self) -> Result<SafeTensors<'_>, GoldenError> {
        SafeTensors::deserialize(&self.bytes).map_err(|error| GoldenError::Format {
            path: self.path.clone(),
            format: "safetensors",
            reason: error.to_string(),
        })
    }
}

/// Reads a JSON file.
///
/// # Errors
/// [`GoldenError::Read`], [`GoldenError::Format`].
pub fn json<T: DeserializeOwned>(path: &Path) -> Result<T, GoldenError> {
    // Python's json module writes NaN, which is not valid JSON.
    let standard = text(path)?.replace(": NaN", ": null");
    serde_json::from_str(&standard).map_err(|error| GoldenError::Format {
        path: path.to_owned(),
        format: "JSON",
        reason: error.to_string(),
    })
}

/// Reads a text file.
///
/// # Errors
/// [`GoldenError::Read`], [`GoldenError::Format`].
pub fn text(path: &Path) -> Result<String, GoldenError> {
    String::from_utf8(read(path)?).map_err(|error| GoldenError::Format {
        path: path.to_owned(),
        format: "UTF-8",
        reason: error.to_string(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, GoldenError> {
    fs::read(path).map_err(|source| GoldenError::Read { path: path.to_owned(), source })
}
