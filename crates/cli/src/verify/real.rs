//! Published models: logits, greedy continuations, tokens and perplexity.

use std::path::Path;

use linnet_engine::{Engine, ErrorCode};
use linnet_graph::Backend;
use linnet_text::EncodeOptions;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::golden::{Golden, GoldenError, json};
use super::logits::{self, Limits};
use super::report::Subject;
use super::{Context, folder_name, perplexity, scoring};
use crate::failure::Failure;
use crate::model_file;

/// `index.json` of a published model.
#[derive(Clone, Debug, Deserialize)]
pub struct Index {
    model: String,
    file: String,
    sha256: String,
    prompts: Vec<Prompt>,
    perplexity: Option<perplexity::Reference>,
}

#[derive(Clone, Debug, Deserialize)]
struct Prompt {
    name: String,
    file: String,
    text: String,
    parse_special: bool,
    plain_llama_cpp: PlainNoise,
}

/// How far llama.cpp itself is from the reference on the same quantized file: the noise of a good engine.
#[derive(Clone, Copy, Debug, Deserialize)]
struct PlainNoise {
    kl_nats: f64,
    max_abs_diff: f64,
}

const KIND: &str = "real";

/// With 8-bit activations or an 8-bit KV cache: 99 % of the positions that llama.cpp was measured at with
/// 8-bit activations have a KL within this. A prompt gives only one position, which can be better or worse by
/// chance.
const EIGHT_BITS_KL: f64 = 2.6e-2;
/// Limit of the mean over all prompts; llama.cpp was measured at 3.4e-3 to 5.3e-3.
const EIGHT_BITS_MEAN_KL: f64 = 1e-2;

/// A prompt with its reference tensors.
struct Loaded {
    prompt: Prompt,
    tokens: Vec<u32>,
    logits: Vec<f32>,
    greedy: Vec<u32>,
    margins: Vec<f32>,
}

impl Loaded {
    fn open(folder: &Path, prompt: &Prompt) -> Result<Loaded, GoldenError> {
        let golden = Golden::open(&folder.join(&prompt.file))?;
        Ok(Loaded {
            prompt: prompt.clone(),
            tokens: golden.tokens("tokens")?.values,
            logits: golden.f32("logits")?.values,
            greedy: golden.tokens("greedy")?.values,
            margins: golden.f32("greedy_margin")?.values,
        })
    }
}

/// Runs the cases of the model whose index is in `folder`; only those of the file `only`, if given.
///
/// # Errors
/// If the backend cannot be opened or the report cannot be printed.
pub fn run<B: Backend>(
    context: &mut Context<'_, B>,
    folder: &Path,
    only: Option<&str>,
) -> Result<(), Failure> {
    let index: Index = match json(&folder.join("index.json")) {
        Ok(index) => index,
        Err(error) => {
            return Ok(context.report.add(Subject::new(KIND, folder_name(folder)).failed("index", error))?);
        }
    };
    let subject = Subject::new(KIND, &index.model);
    let wanted = |file: &str| only.is_none_or(|only| only == file);
    let mut prompts = Vec::new();
    for prompt in index.prompts.iter().filter(|p| wanted(&p.file)) {
        match Loaded::open(folder, prompt) {
            Ok(loaded) => prompts.push(loaded),
            Err(error) => context.report.add(subject.failed(&prompt.name, error))?,
        }
    }
    let mut texts = None;
    if let Some(reference) = index.perplexity.as_ref().filter(|p| wanted(&p.file)) {
        match perplexity::Chunks::open(folder, reference) {
            Ok(chunks) => texts = Some(chunks),
            Err(error) => context.report.add(subject.failed("perplexity", error))?,
        }
    }

    let path = context.models.join(&index.file);
    if !path.is_file() {
        let models = context.models.display();
        return Ok(context
            .report
            .add(subject.skipped("all", format!("{} is missing from {models}", index.file)))?);
    }
    let chunk = texts.as_ref().map_or(0, perplexity::Chunks::longest);
    let longest = prompts.iter().map(|p| p.tokens.len() + p.greedy.len()).fold(chunk.max(1), usize::max);
    let mut engine = match load(context, &path, longest, &index.sha256)? {
        Ok(engine) => engine,
        // A supported architecture must run; only an unsupported one may be skipped.
        Err(failure) if failure.code() == ErrorCode::UnsupportedArchitecture => {
            return Ok(context.report.add(subject.unusable("all", &failure))?);
        }
        Err(failure) => {
            return Ok(context
                .report
                .add(subject.failed("all", format!("{}: {failure}", failure.code())))?);
        }
    };
    let mut kls = Vec::new();
    for loaded in &prompts {
        kls.extend(check_prompt(context, &subject, &mut engine, loaded)?);
    }
    if context.is_rounded_to_eight_bits() && !kls.is_empty() {
        let mean = kls.iter().sum::<f64>() / kls.len() as f64;
        context.report.add(subject.measured("all logits", "mean KL", mean, EIGHT_BITS_MEAN_KL))?;
    }
    if let Some(chunks) = texts {
        let outcome = perplexity::compare(&mut engine, &subject, &chunks);
        context.report.add(outcome.unwrap_or_else(|error| subject.failed("perplexity", error)))?;
    }
    Ok(())
}

/// The KL of the prompt's last logits, if they could be compared.
fn check_prompt<B: Backend>(
    context: &mut Context<'_, B>,
    subject: &Subject,
    engine: &mut Engine<B>,
    loaded: &Loaded,
) -> Result<Option<f64>, Failure> {
    let Loaded { prompt, tokens, logits, greedy, margins } = loaded;
    let case = |what: &str| format!("{} {what}", prompt.name);
    let options = EncodeOptions { add_special: true, parse_special: prompt.parse_special };
    context.report.add(logits::tokens(engine, subject, &case("tokens"), &prompt.text, options, tokens))?;

    let PlainNoise { kl_nats: kl, max_abs_diff: noise } = prompt.plain_llama_cpp;
    let limits = match (context.is_rounded_to_eight_bits(), context.precise) {
        (true, _) => Limits { kl: EIGHT_BITS_KL.max(kl), median: false, max_abs: None, noise },
        (false, true) => Limits::F32,
        (false, false) => Limits { kl, median: false, max_abs: None, noise },
    };
    let rows = std::iter::once(logits.as_slice());
    let outcome = logits::compare(engine, subject, &case("logits"), tokens, rows, limits);
    let outcome = outcome.unwrap_or_else(|error| subject.failed(&case("logits"), error));
    let kl = outcome.figure;
    context.report.add(outcome)?;

    // If the reference's margin is below llama.cpp's largest error on this prompt, either token is correct.
    let outcome = logits::greedy(engine, subject, &case("greedy"), tokens, (greedy, margins), limits.noise);
    context.report.add(outcome.unwrap_or_else(|error| subject.failed(&case("greedy"), error)))?;
    Ok(kl)
}

/// The outer error ends the command (no backend), the inner one only this model.
fn load<B: Backend>(
    context: &Context<'_, B>,
    path: &Path,
    context_length: usize,
    sha256: &str,
) -> Result<Result<Engine<B>, Failure>, Failure> {
    let backend = (context.open)()?;
    let mut digest = Sha256::new();
    let engine = model_file::load(
        path,
        backend,
        (Some(context_length), context.kv),
        scoring::MAX_LOGITS,
        Some(&mut digest),
    );
    Ok(engine.and_then(|engine| {
        let found: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        match found.eq_ignore_ascii_case(sha256) {
            true => Ok(engine),
            false => Err(Failure::Digest { path: path.to_owned(), expected: sha256.to_owned(), found }),
        }
    }))
}
