//! `linnet bench`: measures how fast a model reads a prompt and generates tokens.

mod ops;
mod profile;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use linnet_engine::{DecodeBatcher, Engine, Error, Info, LoadOptions, Session, WorkPerToken};
use linnet_graph::{
    Backend, BackendError, BackendKind, DecodeRequest, Output, OutputRequest, SamplingParams,
};
use serde::Serialize;

use crate::backend::BackendOptions;
use crate::bench::profile::StepProfile;
use crate::failure::Failure;
use crate::model_file;
use crate::platform::{PLATFORM, now_ms};
use crate::synth::{Cut, SynthFile};
use crate::terminal::one_line;

/// Measure a model's speed: reading a prompt (prefill) and generating tokens (decode)
///
/// Each run starts with an empty KV cache and the same pseudo-random prompt. Prefill is the prompt's tokens
/// divided by the time to the first token. Decode is the tokens after the first one; sampling is greedy and
/// ignores end-of-text tokens. A short warm-up run is not counted.
///
/// `--ops` measures each CPU kernel on its own, at the model's shapes or, without a model, at those of
/// SmolLM2-135M in every block format. It prints multiply-adds and bytes per second, and the read bandwidth
/// of the same threads. With `--backend gpu` it measures the device's peak read bandwidth and arithmetic.
#[derive(Args, Debug)]
pub struct Options {
    /// A GGUF file
    #[arg(required_unless_present_any = ["ops", "synth"])]
    model: Option<PathBuf>,
    /// Use random weights in the layout of the model NAME instead of a file (see `linnet synth`)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["model", "ops"])]
    synth: Option<String>,
    #[command(flatten)]
    cut: Cut,
    #[command(flatten)]
    backend: BackendOptions,
    /// Measure each CPU kernel on its own, or the GPU's peak rates
    #[arg(long, conflicts_with_all = ["prompt_tokens", "tokens", "runs", "kv", "precise"])]
    ops: bool,
    /// Length of the prompt in tokens
    #[arg(long, value_name = "N", default_value = "250", value_parser = clap::value_parser!(u32).range(1..))]
    prompt_tokens: u32,
    /// Tokens to decode
    #[arg(long, value_name = "N", default_value = "96", value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    /// Number of measured runs
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Also print the GPU work of a decoded token: dispatches, submits, objects created, bytes copied
    #[arg(long, conflicts_with = "ops")]
    counters: bool,
    /// Tokens that the GPU decodes per submit [default: chosen from the measured speed, as in a chat]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=DecodeRequest::MAX_TOKENS as i64))]
    ahead: Option<u8>,
    /// Also print the time of each kernel, for a decoded token and a prefill step (needs GPU timestamps)
    #[arg(long, conflicts_with = "ops")]
    profile: bool,
    /// Write the profile as an SVG chart
    #[arg(long, value_name = "FILE", requires = "profile")]
    svg: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The results.
#[derive(Debug, Serialize)]
struct Measured {
    #[serde(flatten)]
    info: Info,
    load_ms: f64,
    prompt_tokens: usize,
    tokens: usize,
    prefill: Speed,
    decode: Speed,
    /// Per decoded token.
    #[serde(skip_serializing_if = "Option::is_none")]
    counters: Option<WorkPerToken>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profile: Vec<StepProfile>,
}

/// The share of a decoded token's time in which the device was idle.
fn empty_share(counters: &WorkPerToken, decode: &Speed) -> f64 {
    counters.queue_empty_us * 1e-6 * decode.median
}

/// Tokens per second over all runs.
#[derive(Debug, PartialEq, Serialize)]
struct Speed {
    median: f64,
    min: f64,
    max: f64,
    runs: Vec<f64>,
}

impl Speed {
    /// `runs` must not be empty.
    fn new(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Speed { median, min: sorted[0], max: sorted[sorted.len() - 1], runs }
    }
}

/// Runs the command.
///
/// # Errors
/// Any error of loading the model; `invalid-request` if prompt and tokens exceed its context.
pub fn run(options: &Options) -> Result<(), Failure> {
    if options.ops {
        return match options.backend.backend {
            BackendKind::Cpu => ops::run(options.model.as_deref(), &options.backend, options.json),
            BackendKind::WebGpu => ops::run_gpu(&options.backend, options.json),
        };
    }
    let source = match (&options.model, &options.synth) {
        (Some(path), _) => Source::File(path),
        (None, Some(name)) => Source::Synth(options.cut.file(name)?),
        // Unreachable: clap requires one of the two.
        (None, None) => return Err(invalid("model", "is missing")),
    };
    if options.counters && options.backend.backend == BackendKind::Cpu {
        return Err(invalid("--counters", "needs --backend gpu: the CPU has no such counters"));
    }
    if options.profile && options.backend.backend == BackendKind::Cpu {
        return Err(invalid("--profile", "needs --backend gpu: the CPU has no timestamp queries"));
    }
    match options.backend.backend {
        BackendKind::Cpu => measure(options, &source, options.backend.cpu()?),
        BackendKind::WebGpu if options.profile => {
            measure(options, &source, options.backend.gpu_with_clock()?)
        }
        BackendKind::WebGpu => measure(options, &source, options.backend.gpu()?),
    }
}

fn invalid(field: &str, reason: &str) -> Failure {
    Error::InvalidRequest { field: field.to_owned(), reason: reason.to_owned(), value: None }.into()
}

/// The source of a model's bytes.
enum Source<'a> {
    File(&'a Path),
    Synth(SynthFile),
}

fn measure<B: Backend>(options: &Options, source: &Source<'_>, backend: B) -> Result<(), Failure> {
    let (prompt_tokens, tokens) = (options.prompt_tokens as usize, options.tokens as usize);
    let start = now_ms();
    let (context_length, kv) = (Some(prompt_tokens + tokens), options.backend.kv());
    let mut engine = match source {
        Source::File(path) => model_file::load(path, backend, (context_length, kv), 1, None)?,
        Source::Synth(file) => file.load(
            backend,
            LoadOptions { context_length, max_logits: 1, kv, memory_limit: None, platform: PLATFORM },
        )?,
    };
    let load_ms = now_ms() - start;

    let prompt = pseudo_random_prompt(prompt_tokens, engine.config().vocab_size);
    once(&mut engine, &prompt, tokens.min(4), options.ahead)?;
    let (mut prefill, mut decode, mut counters) = (Vec::new(), Vec::new(), None);
    for _ in 0..options.runs {
        let (prefill_ms, decode_ms, counted) = once(&mut engine, &prompt, tokens, options.ahead)?;
        counters = counted.filter(|_| options.counters);
        prefill.push(prompt_tokens as f64 * 1000.0 / prefill_ms);
        decode.push(tokens as f64 * 1000.0 / decode_ms);
    }
    let profile = if options.profile { profile::measure(&mut engine, &prompt)? } else { Vec::new() };
    let info = engine.info();
    let (prefill, decode) = (Speed::new(prefill), Speed::new(decode));
    let measured = Measured { info, load_ms, prompt_tokens, tokens, prefill, decode, counters, profile };
    let mut stdout = io::stdout().lock();
    if options.json {
        serde_json::to_writer_pretty(&mut stdout, &measured)?;
        writeln!(stdout)?;
    } else {
        print(&mut stdout, &measured)?;
        profile::print(&mut stdout, &measured.profile)?;
    }
    if let Some(path) = &options.svg {
        profile::draw(path, &measured.profile)?;
    }
    Ok(())
}

/// One run with an empty cache: milliseconds of prefill and of decode, and the GPU work of a decoded token.
fn once<B: Backend>(
    engine: &mut Engine<B>,
    prompt: &[u32],
    tokens: usize,
    at_once: Option<u8>,
) -> Result<(f64, f64, Option<WorkPerToken>), Failure> {
    let session = engine.session();
    session.reuse(&[]);
    let start = now_ms();
    let mut batches = prompt.chunks(session.max_batch()).peekable();
    let mut token = 0;
    while let Some(batch) = batches.next() {
        let want = if batches.peek().is_some() { OutputRequest::Nothing } else { OutputRequest::Token };
        if let Output::Token(first) = pollster::block_on(session.extend(batch, want))? {
            token = first;
        }
    }
    let first_token = now_ms();
    let before = session.backend().counters();
    decode(session, token, tokens, at_once)?;
    let end = now_ms();
    let after = session.backend().counters();
    let counters = before.zip(after).map(|(before, after)| WorkPerToken::between(&before, &after, tokens));
    Ok((first_token - start, end - first_token, counters))
}

/// Decodes greedily, `at_once` tokens per submit, or as many as the engine would choose for an answer.
fn decode<B: Backend>(
    session: &mut Session<B>,
    mut token: u32,
    tokens: usize,
    at_once: Option<u8>,
) -> Result<(), Error> {
    let broken = || BackendError::Internal("the backend returned no token".to_owned());
    let draws_screen = session.backend().capabilities().draws_screen;
    let (mut batcher, mut left) = (DecodeBatcher::new(draws_screen), tokens);
    while left > 0 {
        if session.can_sample(&SamplingParams::GREEDY) {
            let most = at_once.map_or_else(|| batcher.tokens(), usize::from);
            let request = DecodeRequest {
                tokens: most.min(left),
                stop: &[],
                suppressed: &[],
                sampling: SamplingParams::GREEDY,
            };
            let begun = now_ms();
            let chosen = pollster::block_on(session.run_decode(&[token], request, left))?;
            batcher.took(chosen.len(), now_ms() - begun);
            token = *chosen.last().ok_or_else(broken)?;
            left -= chosen.len();
        } else {
            let Output::Token(next) = pollster::block_on(session.extend(&[token], OutputRequest::Token))?
            else {
                return Err(broken().into());
            };
            (token, left) = (next, left - 1);
        }
    }
    Ok(())
}

/// Makes the same ids on every machine: a linear congruential generator (Knuth's MMIX constants).
fn pseudo_random_prompt(len: usize, vocabulary: usize) -> Vec<u32> {
    let mut state = 1u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) % vocabulary.max(1) as u64) as u32
    })
    .take(len)
    .collect()
}

fn print(out: &mut impl Write, measured: &Measured) -> io::Result<()> {
    let Info { model, backend, adapter, features, disabled_features, threads, memory } = &measured.info;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    writeln!(
        out,
        "model    {} ({}, {})",
        one_line(&model.name),
        one_line(&model.architecture),
        model.quantization
    )?;
    write!(out, "backend  {}", backend.name())?;
    if let Some(adapter) = adapter {
        let fallback = if adapter.fallback { " (software)" } else { "" };
        write!(out, ", {}{fallback}", one_line(&adapter.description))?;
    }
    writeln!(out, ", {threads} {}", if *threads == 1 { "thread" } else { "threads" })?;
    writeln!(out, "features {}", features.join(" "))?;
    for step in disabled_features {
        writeln!(out, "disabled {}", one_line(step))?;
    }
    writeln!(
        out,
        "memory   weights {:.1} MiB, kv {:.1} MiB, scratch {:.1} MiB",
        mib(memory.weights),
        mib(memory.kv),
        mib(memory.scratch)
    )?;
    writeln!(out, "load     {:.0} ms", measured.load_ms)?;
    for (name, speed, tokens) in [
        ("prefill", &measured.prefill, measured.prompt_tokens),
        ("decode", &measured.decode, measured.tokens),
    ] {
        let Speed { median, min, max, runs } = speed;
        writeln!(
            out,
            "{name:<8} {median:.1} tokens/s (min {min:.1}, max {max:.1}; {tokens} tokens, {} runs)",
            runs.len()
        )?;
    }
    if let Some(counters) = &measured.counters {
        writeln!(out, "per decoded token:")?;
        let named: BTreeMap<String, f64> = serde_json::from_value(serde_json::to_value(counters)?)?;
        for (name, count) in named {
            writeln!(out, "  {:<14}{count:>10.2}", name.replace('_', " "))?;
        }
        writeln!(out, "GPU idle {:.1} % of the time", empty_share(counters, &measured.decode) * 100.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_depend_on_the_order() {
        let odd = Speed::new(vec![3.0, 1.0, 10.0]);
        assert_eq!((odd.median, odd.min, odd.max), (3.0, 1.0, 10.0));
        assert_eq!(odd.runs, [3.0, 1.0, 10.0]);
        assert_eq!(Speed::new(vec![4.0, 1.0, 2.0, 8.0]).median, 3.0);
    }

    #[test]
    fn the_prompt_is_deterministic_and_within_the_vocabulary() {
        let prompt = pseudo_random_prompt(1000, 300);
        assert_eq!(prompt, pseudo_random_prompt(1000, 300));
        assert!(prompt.iter().all(|t| *t < 300));
        let mut distinct = prompt.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 250, "{} of 300 ids occur", distinct.len());
    }
}
