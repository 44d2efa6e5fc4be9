//! The native engine, beside llama.cpp's `llama-bench` where that is on the path: the same file, prompts and threads, taking
//! turns, so that a busy machine is unkind to both.

use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Runs of each, of which the median counts.
const ROUNDS: usize = 5;
/// Tokens of the prompts.
const PROMPTS: [usize; 3] = [40, 250, 900];
/// Tokens that are decoded after each.
const TOKENS: usize = 96;

/// Measures, and prints a table.
pub fn run(linnet: &Path, model: &Path) -> Result<()> {
    let peer = process::which("llama-bench");
    if peer.is_none() {
        eprintln!("llama-bench is not on the path: only Linnet is measured");
    }
    let cores = std::thread::available_parallelism()?.get().min(8);
    println!(
        "native, {TOKENS} tokens decoded after the prompt; tokens per second, median of {ROUNDS} (least-most)\n"
    );
    print_row(["threads", "prompt", "", "prefill", "decode"].map(str::to_owned));
    for threads in if cores > 1 { vec![1, cores] } else { vec![1] } {
        for prompt in PROMPTS {
            let (mut ours, mut theirs) = (Speeds::default(), Speeds::default());
            for _ in 0..ROUNDS {
                of_linnet(linnet, model, threads, prompt, &mut ours)?;
                if let Some(peer) = &peer {
                    of_llama(peer, model, threads, prompt, &mut theirs)?;
                }
            }
            let row = |engine: &str, [prefill, decode]: [String; 2]| {
                print_row([threads.to_string(), prompt.to_string(), engine.to_owned(), prefill, decode]);
            };
            row("Linnet", [&ours.prefill, &ours.decode].map(|speeds| spread(speeds)));
            if peer.is_some() {
                row("llama.cpp", [&theirs.prefill, &theirs.decode].map(|speeds| spread(speeds)));
                let pairs = [(&ours.prefill, &theirs.prefill), (&ours.decode, &theirs.decode)];
                row("ratio", pairs.map(|(ours, theirs)| format!("{:.2}x", median(ours) / median(theirs))));
            }
        }
    }
    Ok(())
}

fn print_row([threads, prompt, engine, prefill, decode]: [String; 5]) {
    println!("{threads:>7} {prompt:>7}   {engine:<10} {prefill:>22} {decode:>22}");
}

/// Tokens per second of every run.
#[derive(Default)]
struct Speeds {
    prefill: Vec<f64>,
    decode: Vec<f64>,
}

fn of_linnet(linnet: &Path, model: &Path, threads: usize, prompt: usize, speeds: &mut Speeds) -> Result<()> {
    let mut command = Command::new(linnet);
    command.arg("bench").arg(model).args(["--json", "--runs", "1", "--threads", &threads.to_string()]);
    command.args(["--prompt-tokens", &prompt.to_string(), "--tokens", &TOKENS.to_string()]);
    let measured: Value = serde_json::from_str(&process::output(&mut command)?)?;
    let median = |what: &str| measured[what]["median"].as_f64().context("linnet bench printed no median");
    speeds.prefill.push(median("prefill")?);
    speeds.decode.push(median("decode")?);
    Ok(())
}

/// The prompt and the tokens after it are two tests there; `-d` puts the second one behind as long a prompt.
fn of_llama(peer: &Path, model: &Path, threads: usize, prompt: usize, speeds: &mut Speeds) -> Result<()> {
    let test = |pair: [&str; 6]| -> Result<f64> {
        let mut command = Command::new(peer);
        command.arg("-m").arg(model).args(["-r", "1", "-o", "json", "-ngl", "0", "-t", &threads.to_string()]);
        let printed: Value = serde_json::from_str(&process::output(command.args(pair))?)?;
        printed[0]["avg_ts"].as_f64().context("llama-bench printed no speed")
    };
    let (prompt, tokens) = (prompt.to_string(), TOKENS.to_string());
    speeds.prefill.push(test(["-p", &prompt, "-n", "0", "-d", "0"])?);
    speeds.decode.push(test(["-p", "0", "-n", &tokens, "-d", &prompt])?);
    Ok(())
}

fn sorted(speeds: &[f64]) -> Vec<f64> {
    let mut sorted = speeds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Of an odd number of runs.
fn median(speeds: &[f64]) -> f64 {
    sorted(speeds).get(speeds.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(speeds: &[f64]) -> String {
    let sorted = sorted(speeds);
    match (sorted.first(), sorted.last()) {
        (Some(least), Some(most)) => format!("{:.1} ({least:.1}-{most:.1})", median(speeds)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{median, spread};

    #[test]
    fn speeds_are_summed_up_by_their_median() {
        let speeds = [9.0, 1.0, 5.04];
        assert!((median(&speeds) - 5.04).abs() < 1e-9);
        assert_eq!(spread(&speeds), "5.0 (1.0-9.0)");
        assert_eq!(spread(&[]), "");
    }
}
