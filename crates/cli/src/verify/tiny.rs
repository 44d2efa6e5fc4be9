//! Random models of every architecture and quantization: compares logits, greedy tokens and tokenization.

use std::path::Path;

use linnet_engine::Engine;
use linnet_graph::{Backend, KvFormat};
use linnet_text::EncodeOptions;
use serde::Deserialize;

use super::golden::{Golden, GoldenError, json};
use super::logits::{self, Limits};
use super::report::Subject;
use super::{Context, scoring};
use crate::failure::Failure;
use crate::model_file;

/// Limits for an f16 KV cache and activations of at least 16 bits: llama.cpp with F16 weights was measured at
/// KL 3e-5 and 0.03; this leaves room for other summation orders.
const F16: Limits = Limits { kl: 1e-3, median: false, max_abs: Some(0.15), noise: 0.3 };
/// Limits for an 8-bit KV cache or 8-bit activations: llama.cpp with that cache was measured at KL 0.094 at
/// worst (phi3 after 300 tokens; 0.043 with an f32 cache, from its 8-bit activations).
const EIGHT_BITS: Limits = Limits { kl: 0.1, median: false, max_abs: None, noise: 1.5 };

/// Limits for f16 inputs of matrix products, which have 11 bits: a tenth of the 8-bit limits. Measured: 2e-4,
/// and 4e-3 where another expert was chosen.
const ELEVEN_BITS: Limits = Limits { kl: 1e-2, median: false, max_abs: None, noise: 0.6 };

/// The limits for a model with or without `experts`.
fn limits<B>(context: &Context<'_, B>, experts: bool) -> Limits {
    match (context.kv, context.input_bits) {
        _ if context.is_rounded_to_eight_bits() => Limits { median: experts, ..EIGHT_BITS },
        (_, Some(_)) => Limits { median: experts, ..ELEVEN_BITS },
        (KvFormat::F32, None) if context.precise => Limits::F32,
        (_, None) => F16,
    }
}

/// Whether a model has experts. An unreadable file counts as none: loading it reports the error.
fn has_experts(model: &Path) -> bool {
    let header = model_file::read_header(model);
    header.is_ok_and(|header| header.tensors.iter().any(|tensor| tensor.name.ends_with("_exps.weight")))
}

/// Context length of the reference if the files do not give one.
const CONTEXT_LENGTH: usize = 512;

/// `meta.json` of a tiny model.
#[derive(Debug, Deserialize)]
struct Meta {
    n_ctx: Option<usize>,
    text: Option<String>,
    #[serde(default)]
    add_special: bool,
}

/// A tiny model and its golden file.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// `tiny` or `quants`.
    pub kind: &'static str,
    /// Its name in the report.
    pub name: &'a str,
    /// The model.
    pub model: &'a Path,
    /// Its golden tensors.
    pub golden: &'a Path,
    /// Its `meta.json`, if it has one.
    pub meta: Option<&'a Path>,
}

/// A `logits_N` or `logits_N_ctxC` tensor of the golden file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LogitsCase {
    /// Name of the tensor with the logits.
    logits: String,
    /// Name of the tensor with the tokens.
    tokens: String,
    /// Context length of the reference, if it is not the default.
    context: Option<usize>,
}

impl LogitsCase {
    fn parse(name: &str) -> Option<LogitsCase> {
        let rest = name.strip_prefix("logits_")?;
        let (tokens, context) = match rest.split_once("_ctx") {
            Some((tokens, context)) => (tokens, Some(context.parse().ok()?)),
            None => (rest, None),
        };
        Some(LogitsCase { logits: name.to_owned(), tokens: format!("tokens_{tokens}"), context })
    }
}

/// Runs the cases of one model.
///
/// # Errors
/// If the backend cannot be opened or the report cannot be printed.
pub fn run<B: Backend>(context: &mut Context<'_, B>, files: Files<'_>) -> Result<(), Failure> {
    let subject = Subject::new(files.kind, files.name);
    let read = || -> Result<(Golden, Option<Meta>, Vec<String>), GoldenError> {
        let golden = Golden::open(files.golden)?;
        let names = golden.names()?;
        Ok((golden, files.meta.map(json).transpose()?, names))
    };
    let (golden, meta, names) = match read() {
        Ok(read) => read,
        Err(error) => return Ok(context.report.add(subject.failed("all", error))?),
    };
    let usual = meta.as_ref().and_then(|m| m.n_ctx).unwrap_or(CONTEXT_LENGTH);
    let mut cases: Vec<LogitsCase> = names.iter().filter_map(|n| LogitsCase::parse(n)).collect();
    let number = |tokens: &str| tokens.trim_start_matches("tokens_").parse().unwrap_or(usize::MAX);
    cases.sort_by_key(|c| (c.context.unwrap_or(usual), number(&c.tokens)));
    let mut contexts: Vec<usize> = cases.iter().map(|c| c.context.unwrap_or(usual)).collect();
    contexts.dedup();
    if contexts.is_empty() {
        let embeddings =
            names.iter().any(|name| ["embd_", "rows_", "scores_"].iter().any(|kind| name.starts_with(kind)));
        return Ok(context.report.add(if embeddings {
            subject.skipped("all", "unsupported: embeddings and reranking")
        } else {
            subject.failed("all", "the golden file has no logits")
        })?);
    }

    let limits = limits(context, has_experts(files.model));
    for context_length in contexts {
        let backend = (context.open)()?;
        let loaded = model_file::load(
            files.model,
            backend,
            (Some(context_length), context.kv),
            scoring::MAX_LOGITS,
            None,
        );
        let mut engine = match loaded {
            Ok(engine) => engine,
            Err(failure) => {
                // The file is at fault, so another context length would not help.
                return Ok(context.report.add(subject.unusable("all", &failure))?);
            }
        };
        for case in cases.iter().filter(|c| c.context.unwrap_or(usual) == context_length) {
            check_logits(context, &subject, &mut engine, &golden, (case, limits))?;
        }
        if context_length == usual {
            for greedy in names.iter().filter(|n| n.starts_with("greedy_") && !n.starts_with("greedy_margin"))
            {
                check_greedy(context, &subject, &mut engine, &golden, (greedy, limits))?;
            }
            check_text(context, &subject, &engine, &golden, meta.as_ref())?;
        }
    }
    Ok(())
}

fn check_logits<B: Backend>(
    context: &mut Context<'_, B>,
    subject: &Subject,
    engine: &mut Engine<B>,
    golden: &Golden,
    (case, limits): (&LogitsCase, Limits),
) -> Result<(), Failure> {
    let outcome = match golden.tokens(&case.tokens).and_then(|t| Ok((t, golden.f32(&case.logits)?))) {
        Ok((tokens, reference)) => {
            logits::compare(engine, subject, &case.logits, &tokens.values, reference.rows(), limits)
                .unwrap_or_else(|error| subject.failed(&case.logits, error))
        }
        Err(error) => subject.failed(&case.logits, error),
    };
    Ok(context.report.add(outcome)?)
}

fn check_greedy<B: Backend>(
    context: &mut Context<'_, B>,
    subject: &Subject,
    engine: &mut Engine<B>,
    golden: &Golden,
    (case, limits): (&str, Limits),
) -> Result<(), Failure> {
    let prompt = case.trim_start_matches("greedy_");
    let read = || -> Result<_, GoldenError> {
        Ok((
            golden.tokens(&format!("tokens_{prompt}"))?.values,
            golden.tokens(case)?.values,
            golden.f32(&format!("greedy_margin_{prompt}"))?.values,
        ))
    };
    let outcome = match read() {
        Ok((prompt, tokens, margins)) => {
            logits::greedy(engine, subject, case, &prompt, (&tokens, &margins), limits.noise)
                .unwrap_or_else(|error| subject.failed(case, error))
        }
        Err(error) => subject.failed(case, error),
    };
    Ok(context.report.add(outcome)?)
}

fn check_text<B: Backend>(
    context: &mut Context<'_, B>,
    subject: &Subject,
    engine: &Engine<B>,
    golden: &Golden,
    meta: Option<&Meta>,
) -> Result<(), Failure> {
    let Some(Meta { text: Some(text), add_special, .. }) = meta else { return Ok(()) };
    let outcome = match golden.tokens("tokens_text") {
        Ok(reference) => {
            let options = EncodeOptions { add_special: *add_special, parse_special: false };
            logits::tokens(engine, subject, "tokens_text", text, options, &reference.values)
        }
        Err(error) => subject.failed("tokens_text", error),
    };
    Ok(context.report.add(outcome)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_logits_tell_tokens_and_context() {
        let parsed = LogitsCase::parse("logits_300_ctx1024").unwrap();
        assert_eq!((parsed.tokens.as_str(), parsed.context), ("tokens_300", Some(1024)));
        let parsed = LogitsCase::parse("logits_text").unwrap();
        assert_eq!((parsed.tokens.as_str(), parsed.context), ("tokens_text", None));
        assert_eq!(LogitsCase::parse("tokens_1"), None);
        assert_eq!(LogitsCase::parse("logits_1_ctxlong"), None);
    }
}
