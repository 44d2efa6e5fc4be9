//! Weights on the device: the blocks of the file, which the kernels decode.

use linnet_graph::{BackendError, Bytes, WeightSpec};
use linnet_quant::dequantize;
use linnet_shaders::Format;
use wgpu::BufferUsages;

use crate::device::{Buffer, Device};
use crate::weights::planes::Planes;

/// Extra bytes at the end of a part, because kernels read whole words and the word after them.
const PADDING: u64 = 16;
/// The rows of a part are a multiple of this, so that each begins at a whole word of the file.
const PART_ROWS: usize = 4;
/// The most bytes per write, to limit staging memory.
const PIECE: usize = 8 << 20;
/// The most bytes that are split into planes at once.
const SPLIT_PIECE: usize = 1 << 20;

/// Consecutive rows of a matrix in one buffer. A device limits the size of a binding, so a matrix may have several.
pub(crate) struct Part {
    /// The format's codebook, if it has one, then the blocks of the rows as in the file. Some formats have their scales
    /// after all blocks, see [`Format::scale`].
    pub buffer: Buffer,
    /// Word at which such scales begin.
    pub scales: usize,
    /// First row.
    pub first: usize,
    /// Number of rows.
    pub rows: usize,
    /// Where its bytes begin in the tensor.
    start: usize,
    /// Where they end.
    end: usize,
}

impl Part {
    /// The rows of several matrices of one format in one buffer; `None` if they do not fit, or do not begin at whole
    /// words.
    pub(crate) fn joined(
        device: &Device,
        what: &str,
        format: Format,
        parts: &[&Part],
    ) -> Result<Option<Part>, BackendError> {
        let planes = Planes::of(format);
        let codebook = size_of_val(format.codebook());
        let lengths: Vec<[usize; 2]> =
            parts.iter().map(|part| planes.lengths(part.end - part.start)).collect();
        let [words, scales] = [0, 1].map(|plane| lengths.iter().map(|lengths| lengths[plane]).sum::<usize>());
        let size = (codebook + words + scales) as u64 + PADDING;
        if size > device.max_part || lengths.as_flattened().iter().any(|len| !len.is_multiple_of(4)) {
            return Ok(None);
        }
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let buffer = device.buffer(what, size, usage)?;
        let mut encoder = device.calls.device().create_command_encoder(&Default::default());
        let mut copy = |from: &Part, at: usize, to: usize, len: usize| {
            if len > 0 {
                encoder.copy_buffer_to_buffer(&from.buffer, at as u64, &buffer, to as u64, len as u64);
            }
        };
        let mut to = [codebook, codebook + words];
        if let Some(first) = parts.first() {
            copy(first, 0, 0, codebook);
        }
        for (part, lengths) in parts.iter().zip(&lengths) {
            for (plane, at) in [codebook, part.scales * 4].into_iter().enumerate() {
                copy(part, at, to[plane], lengths[plane]);
                to[plane] += lengths[plane];
            }
        }
        device.calls.submit(Some(encoder.finish()));
        let rows = parts.iter().map(|part| part.rows).sum();
        let scales_at = (codebook + words) / 4;
        Ok(Some(Part { buffer, scales: scales_at, first: 0, rows, start: 0, end: words + scales }))
    }
}

/// The data of a weight.
pub(crate) enum Data {
    /// Rows in the file's block format, read by kernels of that format.
    Matrix {
        /// How kernels read it.
        format: Format,
        /// All rows, in order.
        parts: Vec<Part>,
    },
    /// The bytes of a vector. It has few values, so the host decodes it once it is complete.
    Vector(Vec<u8>),
}

/// A weight, complete or being written.
pub struct Weight {
    pub(crate) spec: WeightSpec,
    pub(crate) data: Data,
    /// Bytes received.
    received: usize,
    /// The last bytes of each plane that do not fill a word yet.
    carry: [Vec<u8>; 2],
}

impl Weight {
    /// Allocates a weight.
    pub(crate) fn new(device: &Device, spec: &WeightSpec) -> Result<Weight, BackendError> {
        Weight::in_parts(device, spec, usize::MAX)
    }

    /// Allocates a weight with at most `most_rows` rows of a matrix in each buffer.
    pub(crate) fn in_parts(
        device: &Device,
        spec: &WeightSpec,
        most_rows: usize,
    ) -> Result<Weight, BackendError> {
        let data = if spec.uses.rows || spec.uses.matrix || spec.uses.experts > 0 {
            let format = Format::of(spec.dtype);
            Data::Matrix { format, parts: parts(device, spec, format, most_rows)? }
        } else {
            Data::Vector(Vec::with_capacity(spec.byte_len()))
        };
        Ok(Weight { spec: spec.clone(), data, received: 0, carry: Default::default() })
    }

    /// Writes the next bytes.
    pub(crate) async fn write(&mut self, device: &Device, bytes: Bytes<'_>) -> Result<(), BackendError> {
        device.settle().await?;
        if bytes.len() > self.spec.byte_len() - self.received {
            return Err(BackendError::Internal(format!("too many bytes for `{}`", self.spec.name)));
        }
        let (parts, format) = match &mut self.data {
            Data::Vector(collected) => {
                let start = collected.len();
                collected.resize(start + bytes.len(), 0);
                bytes.copy_to(0, &mut collected[start..]);
                self.received += bytes.len();
                return Ok(());
            }
            Data::Matrix { parts, format } => (parts, *format),
        };
        let (planes, codebook) = (Planes::of(format), size_of_val(format.codebook()));
        let mut staging = Vec::new();
        let mut at = 0;
        for part in parts {
            while at < bytes.len() && self.received < part.end {
                let rest = (bytes.len() - at).min(part.end - self.received);
                let before = self.received - part.start;
                let aligned = self.carry[0].is_empty() && rest >= 4;
                let len = match planes.single() {
                    true if aligned => rest.min(PIECE) / 4 * 4,
                    true => rest.min(4 - self.carry[0].len()),
                    false => rest.min(SPLIT_PIECE),
                };
                if planes.single() && aligned {
                    device.write(&part.buffer, (codebook + before) as u64, bytes, at, len)?;
                } else {
                    let begins = [codebook, part.scales * 4];
                    let starts: [usize; 2] = std::array::from_fn(|plane| {
                        begins[plane] + planes.lengths(before)[plane] - self.carry[plane].len()
                    });
                    staging.resize(len, 0);
                    bytes.copy_to(at, &mut staging);
                    planes.split(before, &staging, &mut self.carry);
                    for (start, carry) in starts.into_iter().zip(&mut self.carry) {
                        if self.received + len == part.end {
                            carry.resize(carry.len().next_multiple_of(4), 0);
                        }
                        let whole = carry.len() / 4 * 4;
                        device.write(&part.buffer, start as u64, Bytes::Heap(carry), 0, whole)?;
                        carry.drain(..whole);
                    }
                }
                at += len;
                self.received += len;
                device.sent(len as u64).await?;
            }
        }
        // There are hundreds of weights, so none keeps the memory of its last piece.
        self.carry.iter_mut().for_each(Vec::shrink_to_fit);
        Ok(())
    }

    /// Whether one buffer holds all rows.
    pub(crate) fn is_in_one_part(&self) -> bool {
        matches!(&self.data, Data::Matrix { parts, .. } if parts.len() == 1)
    }

    /// Whether all bytes have arrived.
    pub(crate) fn whole(&self) -> bool {
        self.received == self.spec.byte_len()
    }

    /// The values of a vector; `None` for a matrix.
    pub(crate) fn floats(&self) -> Option<Vec<f32>> {
        let Data::Vector(bytes) = &self.data else { return None };
        let mut values = vec![0.0; self.spec.rows * self.spec.cols];
        dequantize(self.spec.dtype, bytes, &mut values).ok()?;
        Some(values)
    }

    /// Bytes of device memory.
    pub(crate) fn device_bytes(&self) -> u64 {
        match &self.data {
            Data::Matrix { parts, .. } => parts.iter().map(|part| part.buffer.size()).sum(),
            Data::Vector(_) => 0,
        }
    }
}

/// Buffers for the rows of a matrix.
fn parts(
    device: &Device,
    spec: &WeightSpec,
    format: Format,
    most_rows: usize,
) -> Result<Vec<Part>, BackendError> {
    let row_bytes = spec.byte_len() / spec.rows.max(1);
    let planes = Planes::of(format);
    let codebook: &[u8] = bytemuck::cast_slice(format.codebook());
    let (have, extra) = (device.max_part, codebook.len() as u64 + PADDING);
    let possible = (have.saturating_sub(extra) / row_bytes.max(1) as u64) as usize;
    let possible = possible.min(most_rows);
    let most = if possible >= spec.rows { spec.rows } else { possible / PART_ROWS * PART_ROWS };
    if most == 0 {
        let (what, limit) = (spec.name.clone(), "maxStorageBufferBindingSize");
        let need = row_bytes as u64 * PART_ROWS as u64 + extra;
        return Err(BackendError::Limit { what, limit, need, have });
    }
    let part = |first: usize| {
        let rows = most.min(spec.rows - first);
        let (start, end) = (first * row_bytes, (first + rows) * row_bytes);
        let [words, _] = planes.lengths(end - start);
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let buffer = device.buffer(&spec.name, (end - start) as u64 + extra, usage)?;
        if !codebook.is_empty() {
            device.write(&buffer, 0, Bytes::Heap(codebook), 0, codebook.len())?;
        }
        Ok(Part { buffer, scales: (codebook.len() + words) / 4, first, rows, start, end })
    };
    (0..spec.rows).step_by(most).map(part).collect()
}
