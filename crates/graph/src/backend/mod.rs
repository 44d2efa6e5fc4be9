//! What an execution engine must offer.

pub(crate) mod decode;

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::backend::decode::{Ahead, Draw};
use crate::ir::op::{Rows, WeightSpec};
use crate::ir::plan::Plan;

/// A run of a model file's bytes, wherever it lies.
#[derive(Clone, Copy)]
pub enum Bytes<'a> {
    /// In this program's memory.
    Heap(&'a [u8]),
    /// Elsewhere, e.g. a JavaScript `Uint8Array`, so that weights need not pass through the wasm heap.
    Foreign(&'a dyn ForeignBytes),
}

impl Bytes<'_> {
    /// Number of bytes.
    pub fn len(&self) -> usize {
        match self {
            Bytes::Heap(bytes) => bytes.len(),
            Bytes::Foreign(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies `out.len()` bytes from `offset` on into this program's memory. The range lies within the run.
    pub fn copy_to(&self, offset: usize, out: &mut [u8]) {
        match self {
            Bytes::Heap(bytes) => out.copy_from_slice(&bytes[offset..offset + out.len()]),
            Bytes::Foreign(bytes) => bytes.copy_to(offset, out),
        }
    }
}

/// Bytes outside this program's memory.
pub trait ForeignBytes {
    /// Number of bytes.
    fn len(&self) -> usize;
    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Copies `out.len()` bytes from `offset` on; the range lies within `len`.
    fn copy_to(&self, offset: usize, out: &mut [u8]);
    /// A part of these bytes, without copying them; the range lies within `len`.
    fn slice(&self, range: Range<usize>) -> Box<dyn ForeignBytes>;
    /// For a backend that knows the concrete type and can take the bytes without copying.
    fn as_any(&self) -> &dyn Any;
}

/// What a backend is and can do, for `info()` and for choosing defaults.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Capabilities {
    /// `cpu` or `webgpu`.
    pub backend: &'static str,
    /// The adapter's or the processor's own description.
    pub adapter: String,
    /// It is a software adapter, slower than the CPU path.
    pub fallback_adapter: bool,
    /// It draws what people look at, too: while it is at one piece of work, their screen stands still.
    pub draws_screen: bool,
    /// Optional features in use, e.g. `simd128`, `avx2`, `subgroups`.
    pub features: Vec<String>,
    /// What was given up because it turned out not to work here, and why.
    pub steps_down: Vec<String>,
    /// Threads that compute.
    pub threads: usize,
    /// The most tokens of one step that suits the backend.
    pub max_batch: usize,
    /// The most bytes that the cache of a layer's keys, or an activation, may take; `None` where only memory bounds them.
    pub max_buffer: Option<u64>,
}

/// How the KV cache holds its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum KvFormat {
    /// Two bytes a number: an f16, or what is at least as fine.
    #[default]
    F16,
    /// Four bytes, without rounding.
    F32,
    /// As GGUF's Q8_0: of each head, up to 32 neighbouring numbers share a scale; about half of F16's size.
    Q8_0,
}

impl KvFormat {
    /// Numbers that share a scale in [`KvFormat::Q8_0`].
    pub const BLOCK: usize = 32;

    /// Bytes of one head's key or value; a backend that keeps 16-bit integers adds two for their scale.
    pub fn head_bytes(self, head_dim: usize) -> usize {
        match self {
            KvFormat::F16 => 2 * head_dim,
            KvFormat::F32 => 4 * head_dim,
            KvFormat::Q8_0 => head_dim + 2 * head_dim.div_ceil(Self::BLOCK),
        }
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            KvFormat::F16 => "f16",
            KvFormat::F32 => "f32",
            KvFormat::Q8_0 => "q8_0",
        }
    }
}

/// How a program is to be used; fixed at compile time because all memory is allocated then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompileOptions {
    /// Positions of the KV cache.
    pub context_length: usize,
    /// The most tokens in one step.
    pub max_batch: usize,
    /// The most rows of logits in one step (1 for generation, more for scoring).
    pub max_logits: usize,
    /// How the KV cache holds its numbers.
    pub kv: KvFormat,
}

impl CompileOptions {
    /// The most rows of such an activation.
    #[must_use]
    pub fn max_rows(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.max_batch,
            Rows::Logits => self.max_logits,
        }
    }
}

/// What a step must produce.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Only the KV cache.
    Nothing,
    /// The most likely next token.
    Token,
    /// The logits of the last so many tokens (at least 1).
    Logits(usize),
}

/// One run of a program: `tokens` at `position..position + tokens.len()`.
///
/// The KV cache holds everything before `position`, or the part that is still seen; a step may go back to an earlier position
/// and overwrite, as far as [`crate::Reach`] allows: beyond that is [`BackendError::Internal`]. A graph with recurrent state ([`crate::Graph::is_recurrent`]) only goes on from where the last step ended, repeats from where it
/// began, or starts again at 0, which clears the state; anything else is [`BackendError::Internal`].
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// 1 to `max_batch` token ids, each below the vocabulary size.
    pub tokens: &'a [u32],
    /// Position of the first of them; the last lies below the context length.
    pub position: usize,
    /// What to produce.
    pub want: Want,
}

/// What a step produced.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// For [`Want::Nothing`].
    None,
    /// For [`Want::Token`].
    Token(u32),
    /// For [`Want::Logits`]: `[rows, vocabulary]`, row-major.
    Logits(Vec<f32>),
}

/// Bytes that a compiled program holds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct MemoryUse {
    /// Weights, as laid out by the backend.
    pub weights: u64,
    /// KV cache.
    pub kv: u64,
    /// Activations and staging.
    pub scratch: u64,
}

/// One kernel's part in a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Timing {
    /// Name of the kernel.
    pub kernel: String,
    /// Part of the model.
    pub part: String,
    /// From its beginning to its end.
    pub seconds: f64,
    /// Bytes of weights that it reads at least; 0 where it reads none.
    pub bytes: f64,
    /// Products with weights that it adds up.
    pub macs: f64,
}

/// What was asked of a device since it was opened; differences of two are what lay between.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Kernels started.
    pub dispatches: u64,
    /// Submits of work, or of nothing, to wait for the device.
    pub submits: u64,
    /// Bind groups made.
    pub bind_groups: u64,
    /// Buffers made.
    pub buffers: u64,
    /// Pipelines made.
    pub pipelines: u64,
    /// Bytes written to the device.
    pub bytes_written: u64,
    /// Bytes read back.
    pub bytes_read: u64,
    /// Times that we waited for the device to read something back.
    pub readbacks: u64,
    /// Microseconds in which the device had nothing to do, as far as it is known: from when a result came behind which nothing
    /// was queued to the next submit.
    pub empty_us: u64,
}

impl Counters {
    /// What lies between an earlier count and this one, divided by so many tokens.
    pub fn per_token(&self, before: &Counters, tokens: usize) -> BTreeMap<&'static str, f64> {
        let both = before.entries().into_iter().zip(self.entries());
        let share = |before: u64, after: u64| after.saturating_sub(before) as f64 / tokens.max(1) as f64;
        both.map(|((name, before), (_, after))| (name, share(before, after))).collect()
    }

    /// Names and values.
    pub fn entries(&self) -> [(&'static str, u64); 9] {
        [
            ("dispatches", self.dispatches),
            ("submits", self.submits),
            ("bind_groups", self.bind_groups),
            ("buffers", self.buffers),
            ("pipelines", self.pipelines),
            ("bytes_written", self.bytes_written),
            ("bytes_read", self.bytes_read),
            ("readbacks", self.readbacks),
            ("queue_empty_us", self.empty_us),
        ]
    }
}

/// Why a backend could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// There is no usable WebGPU (or Vulkan/Metal/DX12) adapter.
    #[error("no usable GPU adapter: {reason}")]
    NoAdapter {
        /// What the platform said.
        reason: String,
    },
    /// Memory could not be had.
    #[error("out of memory: {what} needs {bytes} bytes")]
    OutOfMemory {
        /// What was to be allocated.
        what: String,
        /// Its size.
        bytes: u64,
    },
    /// Something is larger than the device allows.
    #[error("{what} needs {need}, but the device's {limit} is {have}")]
    Limit {
        /// What was to be made.
        what: String,
        /// Name of the limit.
        limit: &'static str,
        /// Needed.
        need: u64,
        /// Allowed.
        have: u64,
    },
    /// The backend cannot run this operation, or not with these parameters.
    #[error("{label}: this backend cannot run {op}")]
    UnsupportedOp {
        /// Part of the model.
        label: String,
        /// The operation and what is special about it.
        op: String,
    },
    /// The device went away (driver reset, tab in the background, unplugged).
    #[error("the GPU device was lost: {reason}")]
    DeviceLost {
        /// What the platform said.
        reason: String,
    },
    /// The caller broke a rule of this interface, or the backend one of the platform's.
    #[error("internal error: {0}")]
    Internal(String),
}

/// An execution engine: holds weights, compiles a plan, replays it.
///
/// Order of calls: `allocate` and `write` for every weight of the graph (bytes of one weight arrive in order, without
/// gaps), `compile` once, then `run` as often as wanted. Methods that may wait for a device are async; on the CPU they
/// complete at once.
#[allow(async_fn_in_trait, reason = "futures in a page are not Send, and no caller needs them to be")]
pub trait Backend: Sized {
    /// A tensor in the backend's memory.
    type Weight;
    /// A compiled plan with its weights, KV cache and activations.
    type Program;

    /// What this backend is.
    fn capabilities(&self) -> &Capabilities;

    /// Makes room for a weight.
    ///
    /// # Errors
    /// [`BackendError::Limit`], [`BackendError::OutOfMemory`].
    fn allocate(&mut self, spec: &WeightSpec) -> Result<Self::Weight, BackendError>;

    /// Takes the next bytes of a weight. Completes when the backend is ready for more, so that a fast download cannot
    /// pile up staging memory.
    ///
    /// # Errors
    /// [`BackendError::DeviceLost`], [`BackendError::OutOfMemory`].
    async fn write(&mut self, weight: &mut Self::Weight, bytes: Bytes<'_>) -> Result<(), BackendError>;

    /// Builds everything that running `plan` needs; `weights` in the order of the graph's weights, each whole.
    ///
    /// # Errors
    /// Any of [`BackendError`].
    async fn compile(
        &mut self,
        plan: &Plan,
        weights: Vec<Self::Weight>,
        options: CompileOptions,
    ) -> Result<Self::Program, BackendError>;

    /// Runs one step.
    ///
    /// # Errors
    /// [`BackendError::DeviceLost`], [`BackendError::OutOfMemory`]; [`BackendError::Internal`] for a step outside the
    /// program's options.
    async fn run(&mut self, program: &mut Self::Program, step: Step<'_>) -> Result<Output, BackendError>;

    /// Whether [`Backend::queue_ahead`] can choose tokens so; otherwise the caller asks for logits and chooses.
    fn can_draw(&self, _draw: &Draw) -> bool {
        false
    }

    /// Queues a step, the choice of the next token, the step of that, and so on; [`Backend::take_ahead`] gives out what was
    /// chosen. Without a `step` it goes on with the token that was queued last, before anybody knows it, so that the device need
    /// not wait for the host. Up to [`Ahead::QUEUED`] such requests may be under way.
    ///
    /// `step.want` is [`Want::Token`]. Any step from outside drops what is queued and was not taken; the KV cache then holds
    /// nothing of use behind the tokens that were, and a graph with recurrent state starts again at 0. Otherwise such a graph goes
    /// on from behind the tokens that were run, or starts again; it does not repeat a part.
    ///
    /// # Errors
    /// As [`Backend::run`]; [`BackendError::Internal`] where [`Backend::can_draw`] says no.
    fn queue_ahead(
        &mut self,
        _program: &mut Self::Program,
        _step: Option<Step<'_>>,
        _ahead: Ahead<'_>,
    ) -> Result<(), BackendError> {
        Err(BackendError::Internal("this backend does not choose tokens".to_owned()))
    }

    /// Waits for the tokens that were queued first: as many as asked for, or up to the first of `ahead.stop`; none where a token
    /// before them was one of those. All but the last of them have been run, too.
    ///
    /// # Errors
    /// As [`Backend::run`]; [`BackendError::Internal`] where nothing is queued.
    async fn take_ahead(&mut self, _program: &mut Self::Program) -> Result<Vec<u32>, BackendError> {
        Err(BackendError::Internal("this backend does not choose tokens".to_owned()))
    }

    /// Runs a step and measures each of its kernels, in order.
    ///
    /// # Errors
    /// As [`Backend::run`]; [`BackendError::UnsupportedOp`] where there is no clock.
    async fn profile(
        &mut self,
        _program: &mut Self::Program,
        _step: Step<'_>,
    ) -> Result<Vec<Timing>, BackendError> {
        let (label, op) = ("profile".to_owned(), "timestamps".to_owned());
        Err(BackendError::UnsupportedOp { label, op })
    }

    /// Bytes that `program` holds.
    fn memory(&self, program: &Self::Program) -> MemoryUse;

    /// What the device was asked so far; `None` where there is no device.
    fn counters(&self) -> Option<Counters> {
        None
    }
}
