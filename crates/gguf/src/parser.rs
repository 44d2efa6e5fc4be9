//! The push parser: a state machine that advances by whole items.

use std::mem;

use crate::buffer::Buffer;
use crate::file_kind::{FileKind, HEAD_BYTES};
use crate::limits::{
    MAX_ALIGNMENT, MAX_ARRAY_DEPTH, MAX_HEADER_BYTES, MAX_INNER_ARRAYS, MAX_KEY_BYTES, MAX_METADATA,
    MAX_TENSORS,
};
use crate::read::{OpenArray, read_elements, read_scalar, read_type};
use crate::tensor::{Entry, place};
use crate::value::TypeId;
use crate::{Array, Gguf, GgufError, Metadata, Value};

const MAGIC: [u8; 4] = *b"GGUF";
const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;
/// Pushed bytes are copied in chunks of this size, so that a caller may push a whole file at once.
const PIECE: usize = 64 << 10;

/// Parses a file's header from bytes that arrive in order.
#[derive(Debug)]
pub struct HeaderParser {
    buffer: Buffer,
    /// The next item; `None` once the header is complete or an error was returned.
    state: Option<State>,
    version: u32,
    metadata_left: u64,
    tensors_left: u64,
    /// Number of nested arrays so far.
    inner_arrays: u64,
    metadata: Metadata,
    alignment: u64,
    tensors: Vec<Entry>,
}

/// The next item.
#[derive(Debug)]
enum State {
    /// Magic number, version and the two counts.
    Preamble,
    /// A key.
    Key,
    /// The type of a key's value, and the value unless it is an array.
    Value { key: String },
    /// Element type and length of an array inside the `outer` ones, innermost last.
    ArrayHead { pending: Pending, outer: Vec<OuterArray> },
    /// More elements of an array that contains no arrays.
    Elements { pending: Pending, outer: Vec<OuterArray>, open: OpenArray },
    /// A directory entry.
    Tensor,
}

/// The key of the array that is being read.
#[derive(Debug)]
struct Pending {
    key: String,
    /// File offset of the value.
    offset: u64,
}

/// An array of arrays whose element is being read.
#[derive(Debug)]
struct OuterArray {
    arrays: Vec<Array>,
    /// Number of elements after the current one.
    left: u64,
}

/// The result of a step.
enum Step {
    /// An item was read; this is the next one.
    Next(State),
    /// The item is incomplete.
    Wait(State),
    /// The header is complete.
    Complete(Gguf),
}

impl Default for HeaderParser {
    fn default() -> Self {
        Self::new()
    }
}

impl HeaderParser {
    /// A parser at the start of a file.
    #[must_use]
    pub fn new() -> Self {
        HeaderParser {
            buffer: Buffer::default(),
            state: Some(State::Preamble),
            version: 0,
            metadata_left: 0,
            tensors_left: 0,
            inner_arrays: 0,
            metadata: Metadata::default(),
            alignment: DEFAULT_ALIGNMENT,
            tensors: Vec::new(),
        }
    }

    /// Takes the next bytes of the file, any number, and returns the header once it is complete.
    ///
    /// Bytes after the header are not kept; use [`Gguf::header_len`] and [`Gguf::data_offset`] to find them
    /// in the pushed bytes.
    ///
    /// # Errors
    /// Any [`GgufError`] except those of [`Self::incomplete`] and those of [`Metadata`]'s accessors. After an
    /// error or a header, further pushes return [`GgufError::Finished`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<Gguf>, GgufError> {
        for piece in bytes.chunks(PIECE) {
            if let Some(header) = self.push_piece(piece)? {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// The error for a file that ends here, before its header is complete.
    #[must_use]
    pub fn incomplete(&self) -> GgufError {
        match self.buffer.end() {
            0 => GgufError::Empty,
            offset => self.not_gguf().unwrap_or(GgufError::Truncated { offset }),
        }
    }

    /// The error for a file without the magic number.
    fn not_gguf(&self) -> Option<GgufError> {
        let head = self.buffer.unparsed();
        let found = *head.first_chunk()?;
        let other = self.buffer.offset() == 0 && found != MAGIC;
        let kind = FileKind::of(&head[..head.len().min(HEAD_BYTES)]);
        other.then_some(GgufError::NotGguf { offset: 0, found, kind })
    }

    fn push_piece(&mut self, piece: &[u8]) -> Result<Option<Gguf>, GgufError> {
        // An error drops the state, so no half-changed state remains.
        let Some(mut state) = self.state.take() else {
            return Err(GgufError::Finished { offset: self.buffer.offset() });
        };
        self.buffer.push(piece);
        loop {
            state = match self.step(state)? {
                Step::Next(next) => next,
                Step::Complete(header) => return Ok(Some(header)),
                Step::Wait(same) => {
                    check(0, "bytes of the header", self.buffer.end(), MAX_HEADER_BYTES)?;
                    self.state = Some(same);
                    return Ok(None);
                }
            }
        }
    }

    fn step(&mut self, state: State) -> Result<Step, GgufError> {
        match state {
            State::Preamble => self.preamble(),
            State::Key => self.key(),
            State::Value { key } => self.value(key),
            State::ArrayHead { pending, outer } => self.array_head(pending, outer),
            State::Elements { pending, outer, open } => self.elements(pending, outer, open),
            State::Tensor => self.tensor(),
        }
    }

    fn preamble(&mut self) -> Result<Step, GgufError> {
        let mut cursor = self.buffer.cursor();
        let wait = Ok(Step::Wait(State::Preamble));
        let Some(magic) = cursor.array::<4>() else { return wait };
        if magic != MAGIC {
            // A few more bytes are needed to recognize the file type.
            let ready = self.buffer.end() >= HEAD_BYTES as u64;
            return self.not_gguf().filter(|_| ready).map_or(wait, Err);
        }
        let offset = cursor.offset();
        let Some(version) = cursor.u32() else { return wait };
        match version {
            2 | 3 => self.version = version,
            // A small number only if its bytes are swapped.
            _ if version & 0xFFFF == 0 && version != 0 => return Err(GgufError::BigEndian { offset }),
            _ => return Err(GgufError::UnsupportedVersion { offset, version }),
        }
        let offset = cursor.offset();
        let (Some(tensors), Some(metadata)) = (cursor.u64(), cursor.u64()) else { return wait };
        check(offset, "tensors", tensors, MAX_TENSORS)?;
        check(offset + 8, "metadata pairs", metadata, MAX_METADATA)?;
        self.tensors_left = tensors;
        self.metadata_left = metadata;
        let end = cursor.offset();
        self.buffer.parsed_to(end);
        self.next_pair()
    }

    /// The state after a metadata pair: another pair, or the directory.
    fn next_pair(&mut self) -> Result<Step, GgufError> {
        if let Some(left) = self.metadata_left.checked_sub(1) {
            self.metadata_left = left;
            return Ok(Step::Next(State::Key));
        }
        if let Some(alignment) = self.metadata.u64(ALIGNMENT_KEY)? {
            if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
                let offset = self.metadata.offset(ALIGNMENT_KEY);
                return Err(GgufError::BadAlignment { offset, alignment });
            }
            self.alignment = alignment;
        }
        self.next_tensor()
    }

    /// The state after a directory entry: another entry, or the end.
    fn next_tensor(&mut self) -> Result<Step, GgufError> {
        if let Some(left) = self.tensors_left.checked_sub(1) {
            self.tensors_left = left;
            return Ok(Step::Next(State::Tensor));
        }
        let header_len = self.buffer.offset();
        // Both are far below 2^63, so this cannot overflow.
        let data_offset = header_len.next_multiple_of(self.alignment);
        Ok(Step::Complete(Gguf {
            version: self.version,
            metadata: mem::take(&mut self.metadata),
            tensors: place(mem::take(&mut self.tensors), data_offset)?,
            alignment: self.alignment,
            header_len,
            data_offset,
        }))
    }

    fn key(&mut self) -> Result<Step, GgufError> {
        let mut cursor = self.buffer.cursor();
        let offset = cursor.offset();
        let Some(key) = cursor.text("bytes of a key", MAX_KEY_BYTES, || "a key".into())? else {
            return Ok(Step::Wait(State::Key));
        };
        let key = key.to_owned();
        if self.metadata.contains(&key) {
            return Err(GgufError::DuplicateKey { offset, key });
        }
        let end = cursor.offset();
        self.buffer.parsed_to(end);
        Ok(Step::Next(State::Value { key }))
    }

    fn value(&mut self, key: String) -> Result<Step, GgufError> {
        let mut cursor = self.buffer.cursor();
        let Some(kind) = read_type(&mut cursor, &key)? else { return Ok(Step::Wait(State::Value { key })) };
        let offset = cursor.offset();
        if kind == TypeId::Array {
            self.buffer.parsed_to(offset);
            return Ok(Step::Next(State::ArrayHead { pending: Pending { key, offset }, outer: Vec::new() }));
        }
        let Some(value) = read_scalar(&mut cursor, kind, &key)? else {
            return Ok(Step::Wait(State::Value { key }));
        };
        let end = cursor.offset();
        self.buffer.parsed_to(end);
        self.metadata.insert(key, value, offset);
        self.next_pair()
    }

    fn array_head(&mut self, pending: Pending, mut outer: Vec<OuterArray>) -> Result<Step, GgufError> {
        let mut cursor = self.buffer.cursor();
        check(cursor.offset(), "nested arrays", outer.len() as u64 + 1, MAX_ARRAY_DEPTH)?;
        let inner = self.inner_arrays + u64::from(!outer.is_empty());
        check(cursor.offset(), "arrays in arrays", inner, MAX_INNER_ARRAYS)?;
        let Some(element) = read_type(&mut cursor, &pending.key)? else {
            return Ok(Step::Wait(State::ArrayHead { pending, outer }));
        };
        let offset = cursor.offset();
        let Some(count) = cursor.u64() else { return Ok(Step::Wait(State::ArrayHead { pending, outer })) };
        check(offset, "elements of an array", count, MAX_HEADER_BYTES / element.min_bytes())?;
        let end = cursor.offset();
        self.buffer.parsed_to(end);
        if element != TypeId::Array {
            let open = OpenArray { array: Array::empty(element), left: count };
            return Ok(Step::Next(State::Elements { pending, outer, open }));
        }
        match count.checked_sub(1) {
            Some(left) => {
                outer.push(OuterArray { arrays: Vec::new(), left });
                Ok(Step::Next(State::ArrayHead { pending, outer }))
            }
            None => self.close_array(pending, outer, Array::empty(element)),
        }
    }

    fn elements(
        &mut self,
        pending: Pending,
        outer: Vec<OuterArray>,
        mut open: OpenArray,
    ) -> Result<Step, GgufError> {
        let mut cursor = self.buffer.cursor();
        read_elements(&mut cursor, &mut open, &pending.key)?;
        let end = cursor.offset();
        self.buffer.parsed_to(end);
        if open.left > 0 {
            return Ok(Step::Wait(State::Elements { pending, outer, open }));
        }
        self.close_array(pending, outer, open.array)
    }

    /// Stores a complete array in its parent, repeatedly while that completes the parent.
    fn close_array(
        &mut self,
        pending: Pending,
        mut outer: Vec<OuterArray>,
        mut array: Array,
    ) -> Result<Step, GgufError> {
        while let Some(mut parent) = outer.pop() {
            parent.arrays.push(array);
            self.inner_arrays += 1;
            if let Some(left) = parent.left.checked_sub(1) {
                parent.left = left;
                outer.push(parent);
                return Ok(Step::Next(State::ArrayHead { pending, outer }));
            }
            array = Array::Arrays(parent.arrays);
        }
        self.metadata.insert(pending.key, Value::Array(array), pending.offset);
        self.next_pair()
    }

    fn tensor(&mut self) -> Result<Step, GgufError> {
        let mut cursor = self.buffer.cursor();
        let Some(entry) = Entry::read(&mut cursor, self.alignment)? else {
            return Ok(Step::Wait(State::Tensor));
        };
        let end = cursor.offset();
        self.buffer.parsed_to(end);
        self.tensors.push(entry);
        self.next_tensor()
    }
}

fn check(offset: u64, what: &'static str, size: u64, limit: u64) -> Result<(), GgufError> {
    if size > limit { Err(GgufError::TooLarge { offset, what, size, limit }) } else { Ok(()) }
}
