//! Writes headers, for tests and for generated models.

use crate::tensor::tensor_bytes;
use crate::{Array, GgufError, TensorInfo, Value};
use linnet_quant::DType;

const DEFAULT_ALIGNMENT: u64 = 32;

/// Collects metadata and tensors and writes the header of a version 3 file.
///
/// It only checks what the layout needs; [`crate::HeaderParser`] checks the rest.
#[derive(Debug, Clone)]
pub struct HeaderWriter {
    alignment: u64,
    metadata: Vec<(String, Value)>,
    /// With offsets from the start of the data.
    tensors: Vec<TensorInfo>,
}

impl Default for HeaderWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl HeaderWriter {
    /// A header with the usual alignment of 32 bytes.
    #[must_use]
    pub fn new() -> Self {
        HeaderWriter { alignment: DEFAULT_ALIGNMENT, metadata: Vec::new(), tensors: Vec::new() }
    }

    /// A header with another alignment, which becomes its first metadata pair.
    #[must_use]
    pub fn with_alignment(alignment: u32) -> Self {
        let metadata = vec![("general.alignment".to_owned(), Value::U32(alignment))];
        HeaderWriter { alignment: alignment.max(1).into(), metadata, tensors: Vec::new() }
    }

    /// Adds a key/value pair.
    pub fn metadata(&mut self, key: &str, value: Value) -> &mut Self {
        self.metadata.push((key.to_owned(), value));
        self
    }

    /// Adds a tensor whose data follows the previous tensor's. `dims[0]` is the length of a row.
    ///
    /// # Errors
    /// [`GgufError::BadShape`], [`GgufError::OutOfBounds`], both with an offset of 0.
    pub fn tensor(&mut self, name: &str, dims: &[u64], dtype: DType) -> Result<&mut Self, GgufError> {
        let bytes = tensor_bytes(dtype, dims).map_err(|reason| GgufError::BadShape {
            offset: 0,
            tensor: name.to_owned(),
            dims: dims.to_vec(),
            reason,
        })?;
        let offset = self
            .tensors
            .last()
            .map_or(Some(0), |last| (last.offset + last.bytes).checked_next_multiple_of(self.alignment))
            .filter(|offset| offset.checked_add(bytes).is_some())
            .ok_or_else(|| GgufError::OutOfBounds { offset: 0, tensor: name.to_owned() })?;
        self.tensors.push(TensorInfo { name: name.to_owned(), dims: dims.to_vec(), dtype, offset, bytes });
        Ok(self)
    }

    /// The header, padded to the first tensor's offset.
    ///
    /// Parse it with [`crate::Gguf::parse`] for the offsets of the other tensors.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            string(&mut out, key);
            out.extend((value.type_id() as u32).to_le_bytes());
            write_value(&mut out, value);
        }
        for tensor in &self.tensors {
            string(&mut out, &tensor.name);
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            out.extend(tensor.dims.iter().flat_map(|dim| dim.to_le_bytes()));
            out.extend(tensor.dtype.ggml_id().to_le_bytes());
            out.extend(tensor.offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(self.alignment as usize), 0);
        out
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(value) => out.push(*value),
        Value::I8(value) => out.extend(value.to_le_bytes()),
        Value::U16(value) => out.extend(value.to_le_bytes()),
        Value::I16(value) => out.extend(value.to_le_bytes()),
        Value::U32(value) => out.extend(value.to_le_bytes()),
        Value::I32(value) => out.extend(value.to_le_bytes()),
        Value::U64(value) => out.extend(value.to_le_bytes()),
        Value::I64(value) => out.extend(value.to_le_bytes()),
        Value::F32(value) => out.extend(value.to_le_bytes()),
        Value::F64(value) => out.extend(value.to_le_bytes()),
        Value::Bool(value) => out.push((*value).into()),
        Value::String(value) => string(out, value),
        Value::Array(array) => write_array(out, array),
    }
}

fn write_array(out: &mut Vec<u8>, array: &Array) {
    out.extend((array.element_type() as u32).to_le_bytes());
    out.extend((array.len() as u64).to_le_bytes());
    match array {
        Array::U8(elements) => out.extend(elements),
        Array::I8(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::U16(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::I16(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::U32(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::I32(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::U64(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::I64(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::F32(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::F64(elements) => out.extend(elements.iter().flat_map(|element| element.to_le_bytes())),
        Array::Bool(elements) => out.extend(elements.iter().map(|&element| u8::from(element))),
        Array::Strings(elements) => elements.iter().for_each(|element| string(out, element)),
        Array::Arrays(elements) => elements.iter().for_each(|element| write_array(out, element)),
    }
}
