//! The CPU backend: runs a plan with the processor's vector instructions.
//!
//! Weights are repacked as they arrive into groups of eight interleaved rows (`packed`); a matrix product takes its
//! input as 16-bit integers with a scale per 32 values (`activations`), multiplies them exactly and sums in f32
//! (`kernels`). Everything a step needs is allocated when a plan is compiled (`program`).

mod activations;
mod attend;
mod kernels;
mod kv;
mod layout;
mod matmul;
mod memory;
mod min_parallel_work;
mod mixture;
mod packed;
mod pool;
mod program;
mod recurrent;
mod scratch;
mod shared_rows;
mod simd;
mod step;
mod stream;
mod weight;

use linnet_graph::{
    Backend, BackendError, BackendKind, Bytes, Capabilities, CompileOptions, MemoryUse, NoDecodeAhead,
    Output, Plan, Step, WeightSpec,
};

use self::pool::Pool;
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub use self::pool::{abandon, take_slot, work};
pub use self::program::CpuProgram;
use self::simd::Isa;
pub use self::weight::CpuWeight;

/// Tokens of a prefill step: enough to make the cost of unpacking weights small, few enough that a step of a small
/// model takes a fraction of a second.
const MAX_BATCH: usize = 64;

/// Options of a [`CpuBackend`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CpuOptions {
    /// Number of threads; by default as many as the processor runs at once, up to 8. In a page: at most those that the
    /// page has started, by default all of them.
    pub threads: Option<usize>,
    /// Use the portable kernels instead of faster ones, for comparison. A wasm module has only one kind.
    pub portable: bool,
    /// Store weights as f32 and do not quantize activations, to tell rounding errors from bugs. Takes four to eight
    /// times the memory.
    pub precise: bool,
}

/// The backend that runs on the processor. Results do not depend on the number of threads.
pub struct CpuBackend {
    isa: Isa,
    pool: Pool,
    precise: bool,
    /// A buffer for pieces of weights that come from outside this memory.
    staging: Vec<u8>,
    capabilities: Capabilities,
}

impl CpuBackend {
    /// Starts the threads and selects the instruction set.
    pub fn new(options: CpuOptions) -> Self {
        let pool = Pool::new(options.threads.unwrap_or_else(pool::usual_threads));
        let isa = Isa::choose(options.portable);
        let capabilities = Capabilities {
            backend: BackendKind::Cpu,
            adapter: std::env::consts::ARCH.to_owned(),
            fallback_adapter: false,
            draws_screen: false,
            features: vec![isa.name().to_owned()],
            disabled_features: Vec::new(),
            threads: pool.threads(),
            max_batch: MAX_BATCH,
            max_buffer: None,
        };
        CpuBackend { isa, pool, precise: options.precise, staging: Vec::new(), capabilities }
    }
}

impl Backend for CpuBackend {
    type Weight = CpuWeight;
    type Program = CpuProgram;
    type DecodeAhead = NoDecodeAhead<CpuProgram>;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn allocate(&mut self, spec: &WeightSpec) -> Result<CpuWeight, BackendError> {
        CpuWeight::new(spec, self.precise)
    }

    async fn write(&mut self, weight: &mut CpuWeight, bytes: Bytes<'_>) -> Result<(), BackendError> {
        weight.push(bytes, &mut self.pool, &mut self.staging)
    }

    async fn compile(
        &mut self,
        plan: &Plan,
        weights: Vec<CpuWeight>,
        options: CompileOptions,
    ) -> Result<CpuProgram, BackendError> {
        self.staging = Vec::new();
        CpuProgram::new(plan, weights, options, self.pool.threads())
    }

    async fn run(&mut self, program: &mut CpuProgram, step: Step<'_>) -> Result<Output, BackendError> {
        step::run(program, &mut self.pool, self.isa, step)
    }

    fn memory(&self, program: &CpuProgram) -> MemoryUse {
        program.memory()
    }
}
