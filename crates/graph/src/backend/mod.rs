//! The interface of an execution engine.

mod bytes;
mod decode;
mod error;
mod report;
mod step;

pub use self::bytes::{Bytes, ForeignBytes};
pub use self::decode::{DecodeAhead, DecodeRequest, NoDecodeAhead, SamplingParams};
pub use self::error::BackendError;
pub use self::report::{BackendKind, Capabilities, Counters, MemoryUse, Timing};
pub use self::step::{Output, OutputRequest, Step};
use crate::ir::{CompileOptions, Plan, WeightSpec};

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
    /// Samples and decodes several tokens per call; [`NoDecodeAhead`] if the backend cannot.
    type DecodeAhead: DecodeAhead<Program = Self::Program>;

    /// The properties of this backend.
    fn capabilities(&self) -> &Capabilities;

    /// Allocates a weight.
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

    /// Decoding ahead; `None` if the backend cannot, so that the caller requests logits and samples itself.
    fn decode_ahead(&mut self) -> Option<&mut Self::DecodeAhead> {
        None
    }

    /// Runs a step and measures each of its kernels, in order.
    ///
    /// # Errors
    /// As [`Backend::run`]; [`BackendError::UnsupportedOp`] if there are no timestamps.
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

    /// The work that the device has been given so far; `None` without a device.
    fn counters(&self) -> Option<Counters> {
        None
    }
}
