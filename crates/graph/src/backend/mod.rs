//! What an execution engine must offer.

mod bytes;
mod decode;
mod error;
mod report;
mod step;

pub use self::bytes::{Bytes, ForeignBytes};
pub use self::decode::{Ahead, Draw};
pub use self::error::BackendError;
pub use self::report::{Capabilities, Counters, MemoryUse, Timing};
pub use self::step::{Output, Step, Want};
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
