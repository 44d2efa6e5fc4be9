//! Speed of the matrix products: `cargo run --release -p linnet-cpu --example products [DTYPE] [threads]`.
//!
//! Prints billions of multiply-adds per second for shapes of a small model, one row (decode) and 64 rows (prefill).
//! Each figure is the best of several runs, which is what a machine with other work to do can say.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use linnet_cpu::{CpuBackend, CpuOptions, CpuProgram};
use linnet_graph::{Backend, BackendError, Builder, Bytes, CompileOptions, KvFormat, Plan, Step, Want};
use linnet_quant::DType;

/// The CPU backend's futures are ready at once.
fn ready<T>(future: impl Future<Output = Result<T, BackendError>>) -> Result<T, BackendError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(BackendError::Internal("not ready".to_owned())),
    }
}

fn program(
    backend: &mut CpuBackend,
    dtype: DType,
    rows: usize,
    cols: usize,
) -> Result<CpuProgram, Box<dyn Error>> {
    let g = Builder::new();
    let table = g.weight("table", DType::F32, 1, cols);
    let matrix = g.weight("matrix", dtype, rows, cols);
    let y = g.select_rows(g.matmul(matrix, g.embed(table)));
    let plan = Plan::new(g.finish(y)?);
    let mut weights = Vec::new();
    for spec in &plan.graph.weights {
        let mut weight = backend.allocate(spec)?;
        // Any bytes do, as long as no number in them or product of them is subnormal: 0x2b2b as a half is 0.056. As the
        // exponent of MXFP4 it would be 2^-84.
        let byte = if spec.dtype == DType::MXFP4 { 0x7b } else { 0x2b };
        ready(backend.write(&mut weight, Bytes::Heap(&vec![byte; spec.byte_len()])))?;
        weights.push(weight);
    }
    let options = CompileOptions { context_length: 64, max_batch: 64, max_logits: 1, kv: KvFormat::F16 };
    Ok(ready(backend.compile(&plan, weights, options))?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let only = arguments.next();
    let threads = arguments.next().map(|n| n.parse()).transpose()?.unwrap_or(1);
    let mut backend = CpuBackend::new(CpuOptions { threads: Some(threads), ..CpuOptions::default() });
    println!("{:?}, {threads} threads; GMAC/s", backend.capabilities().features);
    println!("format  rows x cols    decode  prefill");
    for dtype in DType::ALL {
        if only.as_ref().is_some_and(|only| only != dtype.name()) {
            continue;
        }
        for (rows, cols) in [(576, 576), (1536, 576), (576, 1536), (49152, 576), (1024, 1024)] {
            if cols % dtype.block_values() != 0 {
                continue;
            }
            let Ok(mut program) = program(&mut backend, dtype, rows, cols) else { continue };
            let mut speed = |tokens: usize| -> Result<f64, BackendError> {
                let macs = (rows * cols * tokens) as f64;
                let mut best = f64::INFINITY;
                for _ in 0..(4e9 / macs).clamp(5.0, 400.0) as usize {
                    let start = Instant::now();
                    let step = Step { tokens: &vec![0; tokens], position: 0, want: Want::Nothing };
                    ready(backend.run(&mut program, step))?;
                    best = best.min(start.elapsed().as_secs_f64());
                }
                Ok(macs / best / 1e9)
            };
            println!("{:6} {rows:5} x {cols:<5} {:8.1} {:8.1}", dtype.name(), speed(1)?, speed(64)?);
        }
    }
    Ok(())
}
