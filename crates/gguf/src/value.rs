//! Metadata values and their types in the file.

use crate::Strings;

/// A metadata value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Unsigned, 8 bits.
    U8(u8),
    /// Signed, 8 bits.
    I8(i8),
    /// Unsigned, 16 bits.
    U16(u16),
    /// Signed, 16 bits.
    I16(i16),
    /// Unsigned, 32 bits.
    U32(u32),
    /// Signed, 32 bits.
    I32(i32),
    /// Unsigned, 64 bits.
    U64(u64),
    /// Signed, 64 bits.
    I64(i64),
    /// Float, 32 bits.
    F32(f32),
    /// Float, 64 bits.
    F64(f64),
    /// Boolean.
    Bool(bool),
    /// UTF-8 text.
    String(String),
    /// Elements of one type.
    Array(Array),
}

/// An array: elements of one type.
#[derive(Clone, PartialEq, Debug)]
pub enum Array {
    /// Unsigned, 8 bits.
    U8(Vec<u8>),
    /// Signed, 8 bits.
    I8(Vec<i8>),
    /// Unsigned, 16 bits.
    U16(Vec<u16>),
    /// Signed, 16 bits.
    I16(Vec<i16>),
    /// Unsigned, 32 bits.
    U32(Vec<u32>),
    /// Signed, 32 bits.
    I32(Vec<i32>),
    /// Unsigned, 64 bits.
    U64(Vec<u64>),
    /// Signed, 64 bits.
    I64(Vec<i64>),
    /// Floats, 32 bits.
    F32(Vec<f32>),
    /// Floats, 64 bits.
    F64(Vec<f64>),
    /// Booleans.
    Bool(Vec<bool>),
    /// UTF-8 texts.
    Strings(Strings),
    /// Arrays, which may differ in type.
    Arrays(Vec<Array>),
}

impl Value {
    /// The type's name, for messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::U8(_) => "u8",
            Value::I8(_) => "i8",
            Value::U16(_) => "u16",
            Value::I16(_) => "i16",
            Value::U32(_) => "u32",
            Value::I32(_) => "i32",
            Value::U64(_) => "u64",
            Value::I64(_) => "i64",
            Value::F32(_) => "f32",
            Value::F64(_) => "f64",
            Value::Bool(_) => "bool",
            Value::String(_) => "a string",
            Value::Array(array) => array.type_name(),
        }
    }

    /// The value as an integer, if it has any integer type.
    #[must_use]
    pub fn integer(&self) -> Option<i128> {
        match *self {
            Value::U8(value) => Some(value.into()),
            Value::I8(value) => Some(value.into()),
            Value::U16(value) => Some(value.into()),
            Value::I16(value) => Some(value.into()),
            Value::U32(value) => Some(value.into()),
            Value::I32(value) => Some(value.into()),
            Value::U64(value) => Some(value.into()),
            Value::I64(value) => Some(value.into()),
            _ => None,
        }
    }

    pub(crate) fn type_id(&self) -> TypeId {
        match self {
            Value::U8(_) => TypeId::U8,
            Value::I8(_) => TypeId::I8,
            Value::U16(_) => TypeId::U16,
            Value::I16(_) => TypeId::I16,
            Value::U32(_) => TypeId::U32,
            Value::I32(_) => TypeId::I32,
            Value::U64(_) => TypeId::U64,
            Value::I64(_) => TypeId::I64,
            Value::F32(_) => TypeId::F32,
            Value::F64(_) => TypeId::F64,
            Value::Bool(_) => TypeId::Bool,
            Value::String(_) => TypeId::String,
            Value::Array(_) => TypeId::Array,
        }
    }
}

impl Array {
    /// The type's name, for messages.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Array::U8(_) => "an array of u8",
            Array::I8(_) => "an array of i8",
            Array::U16(_) => "an array of u16",
            Array::I16(_) => "an array of i16",
            Array::U32(_) => "an array of u32",
            Array::I32(_) => "an array of i32",
            Array::U64(_) => "an array of u64",
            Array::I64(_) => "an array of i64",
            Array::F32(_) => "an array of f32",
            Array::F64(_) => "an array of f64",
            Array::Bool(_) => "an array of bool",
            Array::Strings(_) => "an array of strings",
            Array::Arrays(_) => "an array of arrays",
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Array::U8(elements) => elements.len(),
            Array::I8(elements) => elements.len(),
            Array::U16(elements) => elements.len(),
            Array::I16(elements) => elements.len(),
            Array::U32(elements) => elements.len(),
            Array::I32(elements) => elements.len(),
            Array::U64(elements) => elements.len(),
            Array::I64(elements) => elements.len(),
            Array::F32(elements) => elements.len(),
            Array::F64(elements) => elements.len(),
            Array::Bool(elements) => elements.len(),
            Array::Strings(elements) => elements.len(),
            Array::Arrays(elements) => elements.len(),
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as integers, if they have any integer type. They are widened one by one.
    #[must_use]
    pub fn integers(&self) -> Option<Integers<'_>> {
        let is_integer = match self {
            Array::U8(_) | Array::I8(_) | Array::U16(_) | Array::I16(_) => true,
            Array::U32(_) | Array::I32(_) | Array::U64(_) | Array::I64(_) => true,
            Array::F32(_) | Array::F64(_) | Array::Bool(_) | Array::Strings(_) | Array::Arrays(_) => false,
        };
        is_integer.then_some(Integers(self))
    }

    /// An element as an integer.
    fn integer(&self, index: usize) -> Option<i128> {
        fn widen<T: Copy + Into<i128>>(elements: &[T], index: usize) -> Option<i128> {
            elements.get(index).map(|&element| element.into())
        }
        match self {
            Array::U8(elements) => widen(elements, index),
            Array::I8(elements) => widen(elements, index),
            Array::U16(elements) => widen(elements, index),
            Array::I16(elements) => widen(elements, index),
            Array::U32(elements) => widen(elements, index),
            Array::I32(elements) => widen(elements, index),
            Array::U64(elements) => widen(elements, index),
            Array::I64(elements) => widen(elements, index),
            _ => None,
        }
    }

    /// An empty array of a type.
    pub(crate) fn empty(element: TypeId) -> Array {
        match element {
            TypeId::U8 => Array::U8(Vec::new()),
            TypeId::I8 => Array::I8(Vec::new()),
            TypeId::U16 => Array::U16(Vec::new()),
            TypeId::I16 => Array::I16(Vec::new()),
            TypeId::U32 => Array::U32(Vec::new()),
            TypeId::I32 => Array::I32(Vec::new()),
            TypeId::U64 => Array::U64(Vec::new()),
            TypeId::I64 => Array::I64(Vec::new()),
            TypeId::F32 => Array::F32(Vec::new()),
            TypeId::F64 => Array::F64(Vec::new()),
            TypeId::Bool => Array::Bool(Vec::new()),
            TypeId::String => Array::Strings(Strings::default()),
            TypeId::Array => Array::Arrays(Vec::new()),
        }
    }

    pub(crate) fn element_type(&self) -> TypeId {
        match self {
            Array::U8(_) => TypeId::U8,
            Array::I8(_) => TypeId::I8,
            Array::U16(_) => TypeId::U16,
            Array::I16(_) => TypeId::I16,
            Array::U32(_) => TypeId::U32,
            Array::I32(_) => TypeId::I32,
            Array::U64(_) => TypeId::U64,
            Array::I64(_) => TypeId::I64,
            Array::F32(_) => TypeId::F32,
            Array::F64(_) => TypeId::F64,
            Array::Bool(_) => TypeId::Bool,
            Array::Strings(_) => TypeId::String,
            Array::Arrays(_) => TypeId::Array,
        }
    }
}

/// An array of integers of any width. If [`Metadata::integers`](crate::Metadata::integers) returned it, each
/// fits an `i64`.
#[derive(Clone, Copy, Debug)]
pub struct Integers<'a>(&'a Array);

impl<'a> Integers<'a> {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The elements; those above `i64::MAX` are clamped to it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> + use<'a> {
        let array = self.0;
        (0..array.len())
            .map(move |index| array.integer(index).map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX)))
    }

    /// The first element that does not fit an `i64`.
    pub(crate) fn beyond_i64(&self) -> Option<u64> {
        match self.0 {
            Array::U64(elements) => elements.iter().copied().find(|&n| i64::try_from(n).is_err()),
            _ => None,
        }
    }
}

/// A value's type id in the file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum TypeId {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl TypeId {
    pub(crate) fn from_id(id: u32) -> Option<TypeId> {
        Some(match id {
            0 => TypeId::U8,
            1 => TypeId::I8,
            2 => TypeId::U16,
            3 => TypeId::I16,
            4 => TypeId::U32,
            5 => TypeId::I32,
            6 => TypeId::F32,
            7 => TypeId::Bool,
            8 => TypeId::String,
            9 => TypeId::Array,
            10 => TypeId::U64,
            11 => TypeId::I64,
            12 => TypeId::F64,
            _ => return None,
        })
    }

    /// The minimum size of a value of this type in bytes.
    pub(crate) fn min_bytes(self) -> u64 {
        match self {
            TypeId::U8 | TypeId::I8 | TypeId::Bool => 1,
            TypeId::U16 | TypeId::I16 => 2,
            TypeId::U32 | TypeId::I32 | TypeId::F32 => 4,
            TypeId::U64 | TypeId::I64 | TypeId::F64 | TypeId::String => 8,
            TypeId::Array => 12,
        }
    }
}
