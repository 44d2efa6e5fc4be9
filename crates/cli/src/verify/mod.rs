//! `linnet verify`: compares the engine with reference results.

mod chat;
mod constraint;
mod dequant;
mod discover;
mod divergence;
mod golden;
mod logits;
mod perplexity;
mod real;
mod report;
mod scoring;
mod templates;
mod tiny;
mod tokenizers;

use std::io::{self, Stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use linnet_graph::{Backend, BackendKind, KvFormat};

use crate::backend::BackendOptions;
use crate::failure::Failure;
use crate::terminal;
use discover::Found;
use report::Report;

/// Compare the engine with reference files: models, block formats, tokenizers, chat templates,
/// chat formats, constraints
///
/// Prints one line per case with its figure and limit. Exits with 1 if a case fails and with 2 if there were
/// none.
#[derive(Args, Debug)]
pub struct Options {
    /// Reference folder, a subfolder of it, or a single file
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    backend: BackendOptions,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    /// Folder with the published models' files
    #[arg(long, value_name = "DIR", env = "LINNET_MODELS", default_value = "models")]
    models: PathBuf,
}

/// Exit code if there was nothing to verify.
const NOTHING_FOUND: u8 = 2;

/// What all cases need.
struct Context<'a, B> {
    /// The output.
    report: Report<Stdout>,
    /// Folder with the published models' files.
    models: &'a Path,
    /// Element type of the KV caches.
    kv: KvFormat,
    /// Bits to which the inputs of matrix products are rounded, if they are.
    input_bits: Option<u32>,
    /// The engine rounds nothing, so its results must be as close as f32 arithmetic allows.
    precise: bool,
    /// Makes a backend; each model gets its own.
    open: &'a dyn Fn() -> Result<B, Failure>,
}

impl<B> Context<'_, B> {
    /// Whether the KV cache or the inputs of matrix products have 8 bits.
    fn is_rounded_to_eight_bits(&self) -> bool {
        self.kv == KvFormat::Q8_0 || self.input_bits.is_some_and(|bits| bits <= 8)
    }
}

/// Runs the command.
///
/// # Errors
/// If a path cannot be read, the backend cannot be opened or the results cannot be printed.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut found = Vec::new();
    for path in &options.paths {
        found.extend(discover::discover(path)?);
    }
    let found = discover::without_duplicates(found);
    if found.is_empty() {
        terminal::say("nothing to verify in the given paths; pass a reference folder or file");
        return Ok(ExitCode::from(NOTHING_FOUND));
    }
    match options.backend.backend {
        BackendKind::Cpu => verify(options, &found, &|| options.backend.cpu()),
        BackendKind::WebGpu => {
            // The clones share compiled kernels: compiling takes most of the time on a software GPU.
            let gpu = options.backend.gpu_untried()?;
            verify(options, &found, &|| Ok(gpu.clone()))
        }
    }
}

fn verify<B: Backend>(
    options: &Options,
    found: &[Found],
    open: &dyn Fn() -> Result<B, Failure>,
) -> Result<ExitCode, Failure> {
    let report = Report::new(io::stdout(), options.json);
    let mut context = Context {
        report,
        models: &options.models,
        kv: options.backend.kv(),
        input_bits: options.backend.input_bits(),
        precise: options.backend.precise,
        open,
    };
    for case in found {
        match case {
            Found::Real(folder, only) => real::run(&mut context, folder, only.as_deref())?,
            Found::Tiny(folder) => {
                let (model, golden, meta) =
                    (folder.join("model.gguf"), folder.join("golden.safetensors"), folder.join("meta.json"));
                let name = folder_name(folder);
                let meta = meta.is_file().then_some(meta);
                let files = tiny::Files {
                    kind: "tiny",
                    name: &name,
                    model: &model,
                    golden: &golden,
                    meta: meta.as_deref(),
                };
                tiny::run(&mut context, files)?;
            }
            Found::Quant(folder, dtype) => {
                let (model, golden) = (
                    folder.join(format!("model_{dtype}.gguf")),
                    folder.join(format!("golden_{dtype}.safetensors")),
                );
                let files =
                    tiny::Files { kind: "quants", name: dtype, model: &model, golden: &golden, meta: None };
                tiny::run(&mut context, files)?;
            }
            Found::Dequant(path) => context.report.add(dequant::run(path))?,
            Found::Vocabulary(path) => context.report.add(tokenizers::vocabulary(path))?,
            Found::Strings(path) => {
                for outcome in tokenizers::strings(path, context.models) {
                    context.report.add(outcome)?;
                }
            }
            Found::Template(path) => context.report.add(templates::run(path))?,
            Found::Chat(path) => {
                for outcome in chat::family(path) {
                    context.report.add(outcome)?;
                }
            }
            Found::Loops(path) => {
                for outcome in chat::loops(path) {
                    context.report.add(outcome)?;
                }
            }
            Found::Constraint(kind, path) => {
                for outcome in constraint::run(*kind, path, found) {
                    context.report.add(outcome)?;
                }
            }
        }
    }
    Ok(if context.report.finish()? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The last component of a folder's path, also for `.` and the empty path.
fn folder_name(folder: &Path) -> String {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let whole = folder.canonicalize();
    let folder = whole.as_deref().unwrap_or(folder);
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
