//! Reads metadata values.

use crate::buffer::Cursor;
use crate::limits::MAX_STRING_BYTES;
use crate::value::TypeId;
use crate::{Array, GgufError, Value};

/// An incomplete array that contains no arrays.
#[derive(Debug)]
pub(crate) struct OpenArray {
    pub(crate) array: Array,
    pub(crate) left: u64,
}

/// Reads the type of a value or of an array's elements.
pub(crate) fn read_type(cursor: &mut Cursor<'_>, key: &str) -> Result<Option<TypeId>, GgufError> {
    let offset = cursor.offset();
    let Some(id) = cursor.u32() else { return Ok(None) };
    match TypeId::from_id(id) {
        Some(kind) => Ok(Some(kind)),
        None => Err(GgufError::UnknownValueType { offset, key: key.to_owned(), id }),
    }
}

/// Reads a value that is not an array, as an array of one element.
pub(crate) fn read_scalar(
    cursor: &mut Cursor<'_>,
    kind: TypeId,
    key: &str,
) -> Result<Option<Value>, GgufError> {
    let mut one = OpenArray { array: Array::empty(kind), left: 1 };
    read_elements(cursor, &mut one, key)?;
    Ok(match one.array {
        Array::U8(elements) => elements.first().copied().map(Value::U8),
        Array::I8(elements) => elements.first().copied().map(Value::I8),
        Array::U16(elements) => elements.first().copied().map(Value::U16),
        Array::I16(elements) => elements.first().copied().map(Value::I16),
        Array::U32(elements) => elements.first().copied().map(Value::U32),
        Array::I32(elements) => elements.first().copied().map(Value::I32),
        Array::U64(elements) => elements.first().copied().map(Value::U64),
        Array::I64(elements) => elements.first().copied().map(Value::I64),
        Array::F32(elements) => elements.first().copied().map(Value::F32),
        Array::F64(elements) => elements.first().copied().map(Value::F64),
        Array::Bool(elements) => elements.first().copied().map(Value::Bool),
        Array::Strings(elements) => elements.get(0).map(|text| Value::String(text.to_owned())),
        Array::Arrays(_) => None,
    })
}

/// Reads all elements that have arrived.
pub(crate) fn read_elements(
    cursor: &mut Cursor<'_>,
    open: &mut OpenArray,
    key: &str,
) -> Result<(), GgufError> {
    let left = &mut open.left;
    match &mut open.array {
        Array::U8(elements) => numbers(cursor, left, elements, u8::from_le_bytes),
        Array::I8(elements) => numbers(cursor, left, elements, i8::from_le_bytes),
        Array::U16(elements) => numbers(cursor, left, elements, u16::from_le_bytes),
        Array::I16(elements) => numbers(cursor, left, elements, i16::from_le_bytes),
        Array::U32(elements) => numbers(cursor, left, elements, u32::from_le_bytes),
        Array::I32(elements) => numbers(cursor, left, elements, i32::from_le_bytes),
        Array::U64(elements) => numbers(cursor, left, elements, u64::from_le_bytes),
        Array::I64(elements) => numbers(cursor, left, elements, i64::from_le_bytes),
        Array::F32(elements) => numbers(cursor, left, elements, f32::from_le_bytes),
        Array::F64(elements) => numbers(cursor, left, elements, f64::from_le_bytes),
        Array::Bool(elements) => {
            while *left > 0 {
                let offset = cursor.offset();
                match cursor.array() {
                    Some([value @ (0 | 1)]) => elements.push(value == 1),
                    Some([value]) => return Err(GgufError::BadBool { offset, key: key.to_owned(), value }),
                    None => break,
                }
                *left -= 1;
            }
        }
        Array::Strings(elements) => {
            while *left > 0 {
                let before = cursor.clone();
                let Some(text) = cursor.text("bytes of a string", MAX_STRING_BYTES, || key.to_owned())?
                else {
                    // The length must stay unparsed, too.
                    *cursor = before;
                    break;
                };
                elements.push(text);
                *left -= 1;
            }
        }
        Array::Arrays(_) => {}
    }
    Ok(())
}

fn numbers<T, const N: usize>(
    cursor: &mut Cursor<'_>,
    left: &mut u64,
    elements: &mut Vec<T>,
    decode: fn([u8; N]) -> T,
) {
    let count = (cursor.available() / N).min(usize::try_from(*left).unwrap_or(usize::MAX));
    let (words, _) = cursor.bytes(count * N).unwrap_or_default().as_chunks::<N>();
    elements.extend(words.iter().copied().map(decode));
    *left -= words.len() as u64;
}
