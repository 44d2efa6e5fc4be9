//! Compiles graphs of one operation.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use linnet_cpu::{CpuBackend, CpuProgram};
use linnet_graph::{
    Activation, Attention, Backend, BackendError, Builder, Bytes, CompileOptions, KvFormat, OutputRequest,
    Plan, Rope, RopeStyle, Step, Value,
};
use linnet_quant::DType;

use crate::{BenchError, Heads};

/// Tokens per prefill step.
pub(crate) const BATCH: usize = 64;
/// Repetitions of a row or attention operation in a graph, which amortize the fixed cost of a step: a small
/// model's number of layers. Each attention has its own KV cache.
pub(crate) const LAYERS: usize = 30;

/// An operation on rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowOp {
    RmsNorm,
    Add,
    SwiGlu,
    /// With this many heads.
    Rope(usize),
}

impl RowOp {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RowOp::RmsNorm => "rms_norm",
            RowOp::Add => "add",
            RowOp::SwiGlu => "swiglu",
            RowOp::Rope(_) => "rope",
        }
    }
}

/// `copies` matrices of the same shape times the same input: together they exceed the caches, as in a model.
pub(crate) fn products(
    backend: &mut CpuBackend,
    dtype: DType,
    [rows, cols]: [usize; 2],
    copies: usize,
) -> Result<CpuProgram, BenchError> {
    let g = Builder::new();
    let x = input(&g, cols);
    let mut last = x;
    for _ in 0..copies {
        last = g.matmul(g.weight("matrix", dtype, rows, cols), x);
    }
    compile(backend, g, last, 0, KvFormat::F16)
}

/// Attention in [`LAYERS`] layers, each with its own cache of up to `context` positions.
pub(crate) fn attentions(
    backend: &mut CpuBackend,
    Heads { heads, kv_heads, head_dim }: Heads,
    context: usize,
    kv: KvFormat,
) -> Result<CpuProgram, BenchError> {
    let g = Builder::new();
    let mut x = input(&g, heads * head_dim);
    let stored = input(&g, kv_heads * head_dim);
    for _ in 0..LAYERS {
        let layer = g.kv_layer(kv_heads, head_dim);
        g.store_kv(layer, stored, stored);
        x = g.attention(x, Attention::new(layer, [heads, kv_heads], head_dim, 0.125));
    }
    compile(backend, g, x, context, kv)
}

/// A row operation on `width` values, [`LAYERS`] times.
pub(crate) fn row_ops(backend: &mut CpuBackend, op: RowOp, width: usize) -> Result<CpuProgram, BenchError> {
    let g = Builder::new();
    let first = input(&g, width);
    let weight = g.weight("norm", DType::F32, 1, width);
    let mut x = first;
    for _ in 0..LAYERS {
        x = match op {
            RowOp::RmsNorm => g.rms_norm(x, weight, 1e-5),
            RowOp::Add => g.add(x, first),
            // Each takes the same inputs: repeated products would overflow f32.
            RowOp::SwiGlu => g.gated(Activation::Silu, first, first),
            RowOp::Rope(heads) => g.rope(x, rope(heads, width / heads)),
        };
    }
    compile(backend, g, x, 0, KvFormat::F16)
}

fn rope(heads: usize, head_dim: usize) -> Rope {
    let pairs = head_dim / 2;
    let frequencies = (0..pairs).map(|pair| 10_000f32.powf(-(pair as f32) / pairs as f32)).collect();
    Rope { heads, head_dim, style: RopeStyle::Halves, frequencies, factors: None, magnitude: 1.0 }
}

/// Uninitialized input rows.
fn input(g: &Builder, width: usize) -> Value {
    g.embed(g.weight("table", DType::F32, 1, width))
}

/// Finishes the graph and fills its weights. `context` is the minimum number of positions.
fn compile(
    backend: &mut CpuBackend,
    g: Builder,
    last: Value,
    context: usize,
    kv: KvFormat,
) -> Result<CpuProgram, BenchError> {
    let logits = g.select_rows(last);
    let plan = Plan::new(g.finish(logits)?);
    let mut weights = Vec::new();
    for spec in &plan.graph.weights {
        let mut weight = backend.allocate(spec)?;
        // Any bytes work, as long as no value or product is subnormal: 0x2b2b as f16 is 0.056. As the
        // exponent of MXFP4 it would be 2^-84.
        let byte = if spec.dtype == DType::MXFP4 { 0x7b } else { 0x2b };
        let piece = vec![byte; spec.byte_len().min(1 << 20)];
        let mut left = spec.byte_len();
        while left > 0 {
            let len = left.min(piece.len());
            ready(backend.write(&mut weight, Bytes::Heap(&piece[..len])))?;
            left -= len;
        }
        weights.push(weight);
    }
    let context_length = context.max(BATCH);
    let options = CompileOptions { context_length, max_batch: BATCH, max_logits: 1, kv };
    Ok(ready(backend.compile(&plan, weights, options))?)
}

/// One step of `tokens` tokens at a position.
pub(crate) fn step(
    backend: &mut CpuBackend,
    program: &mut CpuProgram,
    tokens: usize,
    position: usize,
) -> Result<(), BackendError> {
    let step = Step { tokens: &[0; BATCH][..tokens], position, want: OutputRequest::Nothing };
    ready(backend.run(program, step)).map(drop)
}

/// The CPU backend's futures are always ready.
fn ready<T>(future: impl Future<Output = Result<T, BackendError>>) -> Result<T, BackendError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(BackendError::Internal("the CPU backend's future is not ready".to_owned())),
    }
}
