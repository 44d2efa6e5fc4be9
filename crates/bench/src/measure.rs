//! The measurements.

use linnet_cpu::CpuBackend;
use linnet_graph::{Backend, BackendError, KvFormat};
use linnet_quant::DType;
use serde::Serialize;

use crate::programs::{BATCH, LAYERS, RowOp, attentions, products, row_ops, step};
use crate::{BenchError, Cases, Heads, Matrix};

/// Context lengths of the attention operations, in tokens.
const CONTEXTS: [usize; 3] = [50, 500, 2000];
/// More bytes than any cache holds: the read benchmark reads them, and the copies of a matrix take at least
/// this much.
const STREAMED: usize = 96 << 20;
/// Each figure is the best of the runs that fit into this many milliseconds, but of at least [`LEAST_RUNS`].
const ENOUGH_MS: f64 = 60.0;
const LEAST_RUNS: usize = 3;

/// Speed in operations and in bytes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Rate {
    /// Billions of multiply-adds per second.
    pub gmac_per_s: f64,
    /// Billions of bytes per second, of weights or of the KV cache, in the backend's layout.
    pub gb_per_s: f64,
}

/// The speed of a matrix product.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MatrixSpeed {
    /// The shape.
    #[serde(flatten)]
    pub matrix: Matrix,
    /// Bytes of the matrix in the backend's layout.
    pub bytes: u64,
    /// One row of input with weights from memory, as in a model larger than the caches.
    pub decode: Rate,
    /// One row of input with cached weights: the kernel's speed without the memory limit.
    pub decode_cached: Rate,
    /// 64 rows of input.
    pub prefill: Rate,
}

/// The speed of an attention operation.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct AttentionSpeed {
    /// The shape.
    #[serde(flatten)]
    pub heads: Heads,
    /// Format of the KV cache.
    pub kv: &'static str,
    /// Positions that the last query attends to.
    pub context: usize,
    /// One query, over one layer's cache out of 30 that are read in turn.
    pub decode: Rate,
    /// Microseconds of one query in one layer.
    pub decode_us: f64,
    /// 64 queries (50 in a context of 50).
    pub prefill: Rate,
}

/// The speed of an operation on rows.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct RowSpeed {
    /// Name of the operation.
    pub op: &'static str,
    /// Row width.
    pub width: usize,
    /// Billions of values per second, one row at a time.
    pub decode: f64,
    /// The same, 64 rows at a time.
    pub prefill: f64,
}

/// All results.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// Instruction set.
    pub features: Vec<String>,
    /// Number of threads.
    pub threads: usize,
    /// Read bandwidth of these threads, in billions of bytes per second.
    pub read_gb_per_s: f64,
    /// Matrix products.
    pub matrices: Vec<MatrixSpeed>,
    /// Attention operations.
    pub attentions: Vec<AttentionSpeed>,
    /// Row operations.
    pub rows: Vec<RowSpeed>,
}

/// Measures every case; `now_ms` returns the time in milliseconds.
///
/// # Errors
/// An invalid case; `out-of-memory` from the backend.
pub fn measure(backend: &mut CpuBackend, cases: &Cases, now_ms: fn() -> f64) -> Result<Report, BenchError> {
    let read_gb_per_s = read(backend, now_ms)?;
    let matrices =
        cases.matrices.iter().map(|case| matrix(backend, case, now_ms)).collect::<Result<_, _>>()?;
    let mut attentions = Vec::new();
    for heads in &cases.attentions {
        for kv in [KvFormat::F16, KvFormat::F32, KvFormat::Q8_0] {
            for context in CONTEXTS {
                attentions.push(attention(backend, *heads, context, kv, now_ms)?);
            }
        }
    }
    let mut rows = Vec::new();
    for &width in &cases.widths {
        for op in [RowOp::RmsNorm, RowOp::Add, RowOp::SwiGlu] {
            rows.push(row_op(backend, op, width, now_ms)?);
        }
    }
    for heads in &cases.attentions {
        rows.push(row_op(backend, RowOp::Rope(heads.heads), heads.heads * heads.head_dim, now_ms)?);
    }
    let capabilities = backend.capabilities();
    let (features, threads) = (capabilities.features.clone(), capabilities.threads);
    Ok(Report { features, threads, read_gb_per_s, matrices, attentions, rows })
}

/// Seconds of the fastest run, after an uncounted warm-up run.
fn best(now_ms: fn() -> f64, mut run: impl FnMut() -> Result<(), BackendError>) -> Result<f64, BackendError> {
    run()?;
    let (begun, mut best) = (now_ms(), f64::INFINITY);
    for runs in 0.. {
        let start = now_ms();
        if runs >= LEAST_RUNS && start - begun > ENOUGH_MS {
            break;
        }
        run()?;
        best = best.min(now_ms() - start);
    }
    Ok(best / 1000.0)
}

fn read(backend: &mut CpuBackend, now_ms: fn() -> f64) -> Result<f64, BackendError> {
    let words = vec![1u64; STREAMED / size_of::<u64>()];
    let seconds = best(now_ms, || {
        std::hint::black_box(backend.stream(&words));
        Ok(())
    })?;
    Ok(size_of_val(&words[..]) as f64 / seconds / 1e9)
}

fn matrix(backend: &mut CpuBackend, matrix: &Matrix, now_ms: fn() -> f64) -> Result<MatrixSpeed, BenchError> {
    let Matrix { ref format, rows, cols } = *matrix;
    let dtype = DType::ALL.into_iter().find(|dtype| dtype.name() == format);
    let dtype = dtype.ok_or_else(|| BenchError::UnknownFormat(format.clone()))?;
    let in_file = dtype.row_bytes(cols).and_then(|row| row.checked_mul(rows)).filter(|bytes| *bytes > 0);
    let in_file = in_file.ok_or_else(|| BenchError::Shape(format!("{format} {rows} x {cols}")))?;

    let without = products(backend, dtype, [rows, cols], 0)?;
    let mut one = products(backend, dtype, [rows, cols], 1)?;
    let bytes = backend.memory(&one).weights.saturating_sub(backend.memory(&without).weights);
    let rate = |seconds: f64, products: usize, tokens: usize| Rate {
        gmac_per_s: rows as f64 * cols as f64 * (products * tokens) as f64 / seconds / 1e9,
        gb_per_s: bytes as f64 * products as f64 / seconds / 1e9,
    };
    let decode_cached = rate(best(now_ms, || step(backend, &mut one, 1, 0))?, 1, 1);
    let prefill = rate(best(now_ms, || step(backend, &mut one, BATCH, 0))?, 1, BATCH);
    drop(one);
    let copies = STREAMED.div_ceil(in_file);
    let mut many = products(backend, dtype, [rows, cols], copies)?;
    let decode = rate(best(now_ms, || step(backend, &mut many, 1, 0))?, copies, 1);
    Ok(MatrixSpeed { matrix: matrix.clone(), bytes, decode, decode_cached, prefill })
}

fn attention(
    backend: &mut CpuBackend,
    heads: Heads,
    context: usize,
    kv: KvFormat,
    now_ms: fn() -> f64,
) -> Result<AttentionSpeed, BenchError> {
    let Heads { heads: count, kv_heads, head_dim } = heads;
    if kv_heads == 0 || head_dim == 0 || count % kv_heads != 0 {
        return Err(BenchError::Shape(format!("attention of {count} heads over {kv_heads} of {head_dim}")));
    }
    let mut program = attentions(backend, heads, context, kv)?;
    let cached = 2.0 * context as f64 * (kv_heads * kv.head_bytes(head_dim)) as f64;
    // The last query of a step sees the whole context, each earlier one position less.
    let rate = |seconds: f64, tokens: usize| {
        let seen = (0..tokens).map(|token| context - token).sum::<usize>();
        Rate {
            gmac_per_s: 2.0 * seen as f64 * (count * head_dim) as f64 / seconds / 1e9,
            gb_per_s: cached / seconds / 1e9,
        }
    };
    let mut timed = |tokens: usize| -> Result<f64, BackendError> {
        let seconds = best(now_ms, || step(backend, &mut program, tokens, context - tokens))?;
        Ok(seconds / LAYERS as f64)
    };
    let batch = BATCH.min(context);
    let (one, many) = (timed(1)?, timed(batch)?);
    let (decode, prefill) = (rate(one, 1), rate(many, batch));
    Ok(AttentionSpeed { heads, kv: kv.name(), context, decode, decode_us: one * 1e6, prefill })
}

fn row_op(
    backend: &mut CpuBackend,
    op: RowOp,
    width: usize,
    now_ms: fn() -> f64,
) -> Result<RowSpeed, BenchError> {
    if width == 0 {
        return Err(BenchError::Shape(format!("{} of width 0", op.name())));
    }
    let mut program = row_ops(backend, op, width)?;
    let mut speed = |tokens: usize| -> Result<f64, BackendError> {
        let seconds = best(now_ms, || step(backend, &mut program, tokens, 0))?;
        Ok(tokens as f64 * (width * LAYERS) as f64 / seconds / 1e9)
    };
    Ok(RowSpeed { op: op.name(), width, decode: speed(1)?, prefill: speed(BATCH)? })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::Instant;

    use linnet_cpu::{CpuBackend, CpuOptions};

    use super::measure;
    use crate::{BenchError, Cases, Heads, Matrix};

    fn now_ms() -> f64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed().as_secs_f64() * 1000.0
    }

    fn matrix(format: &str, cols: usize) -> Cases {
        let matrix = Matrix { format: format.to_owned(), rows: 512, cols };
        Cases { matrices: vec![matrix], attentions: Vec::new(), widths: Vec::new() }
    }

    fn backend() -> CpuBackend {
        CpuBackend::new(CpuOptions { threads: Some(1), ..CpuOptions::default() })
    }

    #[test]
    fn every_kernel_has_a_speed() {
        let attentions = vec![Heads { heads: 2, kv_heads: 1, head_dim: 32 }];
        let cases = Cases { attentions, widths: vec![64], ..matrix("Q8_0", 512) };
        let report = measure(&mut backend(), &cases, now_ms).unwrap();
        assert_eq!((report.matrices.len(), report.attentions.len(), report.rows.len()), (1, 9, 4));
        let product = &report.matrices[0];
        // 8 bits and a scale per 32 values; the backend's layout may take slightly more.
        assert!((278_528..350_000).contains(&product.bytes), "{} bytes", product.bytes);
        let products = [product.decode, product.decode_cached, product.prefill];
        let attentions = report.attentions.iter().flat_map(|speed| [speed.decode, speed.prefill]);
        let rates = products.into_iter().chain(attentions);
        let speeds = rates.flat_map(|rate| [rate.gmac_per_s, rate.gb_per_s]);
        let rows = report.rows.iter().flat_map(|speed| [speed.decode, speed.prefill]);
        let all: Vec<f64> = speeds.chain(rows).chain([report.read_gb_per_s]).collect();
        assert!(all.iter().all(|speed| speed.is_finite() && *speed > 0.0), "{all:?}");
    }

    #[test]
    fn invalid_cases_are_errors() {
        let refused = |cases: &Cases| measure(&mut backend(), cases, now_ms).map(drop);
        assert!(matches!(refused(&matrix("Q3_1", 64)), Err(BenchError::UnknownFormat(_))));
        assert!(matches!(refused(&matrix("Q8_0", 33)), Err(BenchError::Shape(_))));
        let attentions = vec![Heads { heads: 3, kv_heads: 2, head_dim: 32 }];
        let cases = Cases { matrices: Vec::new(), attentions, widths: Vec::new() };
        assert!(matches!(refused(&cases), Err(BenchError::Shape(_))));
        let cases = Cases { attentions: Vec::new(), widths: vec![0], ..cases };
        assert!(matches!(refused(&cases), Err(BenchError::Shape(_))));
    }
}
