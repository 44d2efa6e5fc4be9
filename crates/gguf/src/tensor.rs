//! The tensor directory.

use std::collections::BTreeSet;

use linnet_quant::DType;

use crate::GgufError;
use crate::buffer::Cursor;
use crate::limits::{MAX_DIMENSIONS, MAX_NAME_BYTES};

/// A tensor's name, type, shape and place in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorInfo {
    /// Name.
    pub name: String,
    /// One to four dimensions, none of them 0, in ggml's order: `dims[0]` is the length of a row, which is
    /// contiguous and a whole number of blocks.
    pub dims: Vec<u64>,
    /// Block format.
    pub dtype: DType,
    /// File offset of its data.
    pub offset: u64,
    /// Length of its data in bytes.
    pub bytes: u64,
}

/// A directory entry, read before the end of the header is known.
#[derive(Debug)]
pub(crate) struct Entry {
    /// File offset of the entry.
    at: u64,
    /// The tensor; its `offset` is relative to the start of the tensor data.
    tensor: TensorInfo,
}

/// The length of a tensor's data, or the reason why its dimensions are invalid.
pub(crate) fn tensor_bytes(dtype: DType, dims: &[u64]) -> Result<u64, &'static str> {
    let [row, outer @ ..] = dims else { return Err("there are none") };
    if dims.contains(&0) {
        return Err("one is 0");
    }
    let block_values = dtype.block_values() as u64;
    if !row.is_multiple_of(block_values) {
        return Err("a row is not a whole number of blocks");
    }
    outer
        .iter()
        .try_fold(row / block_values, |blocks, dim| blocks.checked_mul(*dim))
        .and_then(|blocks| blocks.checked_mul(dtype.block_bytes() as u64))
        .ok_or("the size overflows")
}

impl Entry {
    /// Reads one entry, or `None` if bytes are missing.
    pub(crate) fn read(cursor: &mut Cursor<'_>, alignment: u64) -> Result<Option<Entry>, GgufError> {
        let at = cursor.offset();
        let Some(name) =
            cursor.text("bytes of a tensor's name", MAX_NAME_BYTES, || "a tensor's name".into())?
        else {
            return Ok(None);
        };
        let name = name.to_owned();
        let count_at = cursor.offset();
        let Some(count) = cursor.u32() else { return Ok(None) };
        if count > MAX_DIMENSIONS {
            let (size, limit) = (count.into(), MAX_DIMENSIONS.into());
            return Err(GgufError::TooLarge {
                offset: count_at,
                what: "dimensions of a tensor",
                size,
                limit,
            });
        }
        let mut dims = Vec::new();
        for _ in 0..count {
            let Some(dim) = cursor.u64() else { return Ok(None) };
            dims.push(dim);
        }
        // A tensor without dimensions is a scalar.
        if dims.is_empty() {
            dims.push(1);
        }
        let (Some(id), Some(offset)) = (cursor.u32(), cursor.u64()) else { return Ok(None) };
        let Some(dtype) = DType::from_ggml(id) else {
            return Err(GgufError::UnsupportedType { offset: at, tensor: name, id });
        };
        let bytes = match tensor_bytes(dtype, &dims) {
            Ok(bytes) => bytes,
            Err(reason) => return Err(GgufError::BadShape { offset: at, tensor: name, dims, reason }),
        };
        if !offset.is_multiple_of(alignment) {
            return Err(GgufError::Misaligned { offset: at, tensor: name, start: offset, alignment });
        }
        Ok(Some(Entry { at, tensor: TensorInfo { name, dims, dtype, offset, bytes } }))
    }
}

/// Converts a complete directory to tensors with file offsets; names must be unique and data must not
/// overlap.
pub(crate) fn place(mut entries: Vec<Entry>, data_offset: u64) -> Result<Vec<TensorInfo>, GgufError> {
    let mut names = BTreeSet::new();
    for Entry { at, tensor } in &mut entries {
        let end = tensor.offset.checked_add(data_offset).and_then(|start| start.checked_add(tensor.bytes));
        if end.is_none() {
            return Err(GgufError::OutOfBounds { offset: *at, tensor: tensor.name.clone() });
        }
        tensor.offset += data_offset;
        if !names.insert(tensor.name.as_str()) {
            return Err(GgufError::DuplicateTensor { offset: *at, tensor: tensor.name.clone() });
        }
    }
    let mut by_offset: Vec<&Entry> = entries.iter().collect();
    by_offset.sort_by_key(|entry| entry.tensor.offset);
    for pair in by_offset.windows(2) {
        let (first, second) = (&pair[0].tensor, &pair[1].tensor);
        if first.offset + first.bytes > second.offset {
            return Err(GgufError::Overlap {
                offset: pair[1].at,
                tensor: second.name.clone(),
                other: first.name.clone(),
            });
        }
    }
    Ok(entries.into_iter().map(|entry| entry.tensor).collect())
}
