//! `linnet bench --ops`: measures each kernel on its own.

use std::io::{self, Write};
use std::path::Path;

use linnet_bench::{AttentionSpeed, BenchError, Cases, MatrixSpeed, Report, RowSpeed};
use linnet_engine::Error;
use linnet_gpu::Peaks;
use linnet_graph::{Backend, fuse};
use serde::Serialize;
use serde_json::json;

use crate::backend::BackendOptions;
use crate::failure::Failure;
use crate::model_file;
use crate::platform::now_ms;
use crate::terminal::one_line;

/// The results and their shapes, so that another program can measure the same.
#[derive(Serialize)]
struct Measured {
    cases: Cases,
    #[serde(flatten)]
    report: Report,
}

/// Measures the CPU kernels at a model's shapes, or at default ones.
///
/// # Errors
/// Any error of reading the model's header; `out-of-memory`.
pub fn run(model: Option<&Path>, backend: &BackendOptions, json: bool) -> Result<(), Failure> {
    let cases = match model {
        None => Cases::default(),
        Some(path) => {
            let model = linnet_models::record(&model_file::read_header(path)?)?;
            Cases::of_graph(&fuse(model.graph))
        }
    };
    let report = linnet_bench::measure(&mut backend.cpu()?, &cases, now_ms).map_err(|why| match why {
        BenchError::Backend(why) => Error::from(why),
        why => Error::InvalidRequest { field: "--ops".to_owned(), reason: why.to_string(), value: None },
    })?;
    let mut stdout = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut stdout, &Measured { cases, report })?;
        writeln!(stdout)?;
    } else {
        print(&mut stdout, &report)?;
    }
    Ok(())
}

/// Measures the GPU's peak bandwidth and arithmetic.
///
/// # Errors
/// `no-webgpu`, `out-of-memory`, `device-lost`.
pub fn run_gpu(backend: &BackendOptions, json: bool) -> Result<(), Failure> {
    let gpu = backend.gpu()?;
    let Peaks { read_gb_per_s, fma_gflop_per_s } =
        pollster::block_on(gpu.peaks(now_ms)).map_err(Error::from)?;
    let adapter = &gpu.capabilities().adapter;
    let mut stdout = io::stdout().lock();
    if json {
        let limits = json!({
            "adapter": adapter,
            "read_gb_per_s": read_gb_per_s,
            "fma_gflop_per_s": fma_gflop_per_s,
        });
        serde_json::to_writer_pretty(&mut stdout, &limits)?;
        writeln!(stdout)?;
    } else {
        writeln!(stdout, "{}; best of several runs", one_line(adapter))?;
        writeln!(stdout, "read bandwidth {read_gb_per_s:>10.1} GB/s")?;
        writeln!(stdout, "f32 multiply-add {fma_gflop_per_s:>8.1} GFLOP/s")?;
    }
    Ok(())
}

fn print(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let Report { features, threads, read_gb_per_s, matrices, attentions, rows } = report;
    let plural = if *threads == 1 { "thread" } else { "threads" };
    writeln!(out, "{}, {threads} {plural}; best of several runs", features.join(" "))?;
    writeln!(out, "read bandwidth {read_gb_per_s:>8.1} GB/s")?;
    if !matrices.is_empty() {
        writeln!(out, "\n{:<24}{:>18}{:>18}{:>10}", "matmul", "decode", "decode, cached", "prefill")?;
        let units = ["GMAC/s", "GB/s", "GMAC/s", "GB/s", "GMAC/s"];
        write!(out, "{:<24}", "rows x cols")?;
        writeln!(out, "{}", units.map(|unit| format!("{unit:>9}")).concat())?;
    }
    for MatrixSpeed { matrix, decode, decode_cached, prefill, .. } in matrices {
        write!(out, "{:<7}{:>7} x {:<7}", matrix.format, matrix.rows, matrix.cols)?;
        for rate in [decode, decode_cached] {
            write!(out, "{:>9.1}{:>9.1}", rate.gmac_per_s, rate.gb_per_s)?;
        }
        writeln!(out, "{:>10.1}", prefill.gmac_per_s)?;
    }
    if !attentions.is_empty() {
        writeln!(out, "\n{:<24}{:>27}{:>10}", "attention", "decode", "prefill")?;
        write!(out, "{:<24}", "heads/kv x dim, context")?;
        let units = ["us", "GMAC/s", "GB/s", "GMAC/s"];
        writeln!(out, "{}", units.map(|unit| format!("{unit:>9}")).concat())?;
    }
    for AttentionSpeed { heads, kv, context, decode, decode_us, prefill } in attentions {
        let shape = format!("{}/{} x {}", heads.heads, heads.kv_heads, heads.head_dim);
        write!(out, "{shape:<13}{kv:<6}{context:>5}{decode_us:>9.1}")?;
        writeln!(out, "{:>9.1}{:>9.1}{:>9.1}", decode.gmac_per_s, decode.gb_per_s, prefill.gmac_per_s)?;
    }
    if !rows.is_empty() {
        writeln!(out, "\n{:<24}{:>9}{:>9}", "10^9 values per second", "decode", "prefill")?;
    }
    for RowSpeed { op, width, decode, prefill } in rows {
        writeln!(out, "{op:<12}{width:>6}      {decode:>9.2}{prefill:>9.2}")?;
    }
    Ok(())
}
