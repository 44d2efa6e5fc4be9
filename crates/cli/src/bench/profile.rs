//! `linnet bench --profile`: measures the time of each kernel in a step.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use linnet_engine::{Engine, Session};
use linnet_graph::{Backend, Output, OutputRequest, Timing};
use serde::Serialize;

use crate::failure::Failure;

/// Measured runs of a step; the median of each kernel is reported.
const RUNS: usize = 9;

/// All dispatches of one kernel in a step.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Kind {
    /// Name of the kernel.
    kernel: String,
    /// Number of dispatches.
    count: usize,
    /// Total time.
    microseconds: f64,
    /// Share of the step's time.
    share: f64,
    /// Weights read, in 10⁹ bytes per second.
    gb_per_s: f64,
    /// 10⁹ floating-point operations per second; a multiply-add is two.
    gflop_per_s: f64,
}

/// The kernels of a step, slowest first.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StepProfile {
    /// Name of the step.
    name: String,
    microseconds: f64,
    kinds: Vec<Kind>,
}

/// Measures a decoded token after the prompt, and a prefill step of as many prompt tokens as fit.
///
/// # Errors
/// `unsupported-architecture` if the device has no timestamps; any error of running the step.
pub fn measure<B: Backend>(engine: &mut Engine<B>, prompt: &[u32]) -> Result<Vec<StepProfile>, Failure> {
    let session = engine.session();
    let batch = &prompt[..prompt.len().min(session.max_batch())];
    let prefill = profiled(session, &[], batch)?;
    let (last, before) = prompt.split_last().map_or((0, prompt), |(last, before)| (*last, before));
    let decode = profiled(session, before, &[last])?;
    Ok(vec![
        profile(&format!("decode at position {}", before.len()), &decode),
        profile(&format!("prefill of {} tokens", batch.len()), &prefill),
    ])
}

/// The timings of repeated runs of a step of `tokens`, with `before` in the cache.
fn profiled<B: Backend>(
    session: &mut Session<B>,
    before: &[u32],
    tokens: &[u32],
) -> Result<Vec<Vec<Timing>>, Failure> {
    let mut runs = Vec::new();
    session.reuse(&[]);
    for batch in before.chunks(session.max_batch()) {
        let Output::None = pollster::block_on(session.extend(batch, OutputRequest::Nothing))? else {
            continue;
        };
    }
    // The first run is a warm-up.
    for run in 0..=RUNS {
        let timings = pollster::block_on(session.profile(tokens))?;
        if run > 0 {
            runs.push(timings);
        }
    }
    Ok(runs)
}

/// Sums the timings by kernel.
fn profile(name: &str, runs: &[Vec<Timing>]) -> StepProfile {
    let Some(first) = runs.first() else {
        return StepProfile { name: name.to_owned(), microseconds: 0.0, kinds: Vec::new() };
    };
    let median = |index: usize| {
        let mut seconds: Vec<f64> = runs.iter().map(|run| run[index].seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    let mut sums: Vec<(&str, usize, [f64; 3])> = Vec::new();
    for (index, timing) in first.iter().enumerate() {
        let at = sums.iter().position(|(kernel, ..)| *kernel == timing.kernel).unwrap_or_else(|| {
            sums.push((&timing.kernel, 0, [0.0; 3]));
            sums.len() - 1
        });
        let (_, count, sum) = &mut sums[at];
        *count += 1;
        for (sum, add) in sum.iter_mut().zip([median(index), timing.bytes, timing.macs]) {
            *sum += add;
        }
    }
    let total: f64 = sums.iter().map(|(.., [seconds, ..])| seconds).sum();
    let mut kinds: Vec<Kind> = sums
        .into_iter()
        .map(|(kernel, count, [seconds, bytes, macs])| Kind {
            kernel: kernel.to_owned(),
            count,
            microseconds: seconds * 1e6,
            share: seconds / total,
            gb_per_s: bytes / seconds / 1e9,
            gflop_per_s: 2.0 * macs / seconds / 1e9,
        })
        .collect();
    kinds.sort_by(|a, b| b.microseconds.total_cmp(&a.microseconds));
    StepProfile { name: name.to_owned(), microseconds: total * 1e6, kinds }
}

/// Prints tables.
pub fn print(out: &mut impl Write, profiles: &[StepProfile]) -> io::Result<()> {
    for StepProfile { name, microseconds, kinds } in profiles {
        writeln!(out, "\n{name}: {microseconds:.1} µs in kernels")?;
        let units = ["count", "µs", "share", "GB/s", "GFLOP/s"].map(|unit| format!("{unit:>10}"));
        writeln!(out, "{:<40}{}", "kernel", units.concat())?;
        for Kind { kernel, count, microseconds, share, gb_per_s, gflop_per_s } in kinds {
            write!(out, "{kernel:<40}{count:>10}{microseconds:>10.1}{:>8.1} %", 100.0 * share)?;
            let rates = [gb_per_s, gflop_per_s];
            let rates = rates.map(|rate| if *rate > 0.0 { format!("{rate:>10.1}") } else { " ".repeat(10) });
            writeln!(out, "{}", rates.concat().trim_end())?;
        }
    }
    Ok(())
}

/// Writes a bar chart: one bar per kernel, its length the share of the step.
///
/// # Errors
/// If the file cannot be written.
pub fn draw(path: &Path, profiles: &[StepProfile]) -> io::Result<()> {
    let rows: usize = profiles.iter().map(|profile| profile.kinds.len() + 2).sum();
    let mut svg = String::new();
    let mut text = |x: f64, y: usize, anchor: &str, weight: u32, text: &str| {
        // Kernel names and figures contain nothing to escape in XML.
        let _ = writeln!(
            svg,
            r#"<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}">{text}</text>"#
        );
    };
    let mut bars = Vec::new();
    let mut y = 0;
    for StepProfile { name, microseconds, kinds } in profiles {
        y += 24;
        text(12.0, y, "start", 600, &format!("{name}: {microseconds:.0} µs"));
        for Kind { kernel, count, microseconds, share, .. } in kinds {
            y += 20;
            text(250.0, y, "end", 400, kernel);
            let width = share * 360.0;
            bars.push((y - 12, width));
            text(
                266.0 + width,
                y,
                "start",
                400,
                &format!("{microseconds:.1} µs in {count}, {:.1} %", 100.0 * share),
            );
        }
        y += 12;
    }
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 {height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"12\">\n<rect width=\"800\" height=\"{height}\" fill=\"#fff\"/>\n",
        height = rows * 20 + 24
    );
    for (y, width) in bars {
        let _ =
            writeln!(picture, r##"<rect x="260" y="{y}" width="{width:.1}" height="15" fill="#3b7dd8"/>"##);
    }
    fs::write(path, picture + &svg + "</svg>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(kernel: &str, seconds: f64) -> Timing {
        Timing { kernel: kernel.to_owned(), part: String::new(), seconds, bytes: 3e3, macs: 4e3 }
    }

    #[test]
    fn medians_of_a_kernels_dispatches_are_summed() {
        let runs = [1e-6, 5e-6, 2e-6].map(|s| vec![timing("a", s), timing("b", 4e-6), timing("a", s)]);
        let StepProfile { microseconds, kinds, .. } = profile("a step", &runs);
        assert!((microseconds - 8.0).abs() < 1e-9);
        let [a, b] = &kinds[..] else { panic!("{kinds:?}") };
        let a = if a.kernel == "a" { a } else { b };
        assert_eq!(a.count, 2);
        assert!((a.microseconds - 4.0).abs() < 1e-9 && (a.share - 0.5).abs() < 1e-9);
        assert!((a.gb_per_s - 1.5).abs() < 1e-9 && (a.gflop_per_s - 4.0).abs() < 1e-9);
    }
}
