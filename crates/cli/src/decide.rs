//! `linnet decide`: prints how likely each of some answers is.

use std::io::{self, Write};

use clap::Args;
use linnet_engine::{DecideEvent, DecideRequest, DecideSubject, Decision, Prompt};
use linnet_graph::{Backend, BackendKind};

use crate::failure::Failure;
use crate::model_file::ModelOptions;

/// Print how likely each of some answers is, without writing one
///
/// With --text, decides about each text, and prints an empty line between them.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    model: ModelOptions,
    /// The question
    #[arg(long, value_name = "TEXT")]
    question: String,
    /// A possible answer; give at least two
    #[arg(long = "option", value_name = "TEXT", required = true)]
    options: Vec<String>,
    /// A text that the question is about; may be given several times
    #[arg(long = "text", value_name = "TEXT")]
    texts: Vec<String>,
    /// System message
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
    /// Do not tell the model the options
    #[arg(long, conflicts_with = "raw")]
    hide_options: bool,
    /// Take the question as a text that the options continue, without the model's chat template
    #[arg(long, conflicts_with = "texts")]
    raw: bool,
    /// Print a JSON object for each decision
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Any error of loading the model or of the request.
pub fn run(options: &Options) -> Result<(), Failure> {
    let backend = &options.model.backend;
    match backend.backend {
        BackendKind::Cpu => decide(options, backend.cpu()?),
        BackendKind::WebGpu => decide(options, backend.gpu()?),
    }
}

fn decide<B: Backend>(options: &Options, backend: B) -> Result<(), Failure> {
    let question = options.question.clone();
    let request = DecideRequest {
        subject: match options.raw {
            true => DecideSubject::Prompt(Prompt::Text(question)),
            false => DecideSubject::Question { question, system: options.system.clone() },
        },
        options: options.options.clone(),
        texts: (!options.texts.is_empty()).then(|| options.texts.clone()),
        show_options: options.hide_options.then_some(false),
    };
    let mut engine = options.model.load(backend)?;
    let mut decider = engine.decide(&request)?;
    let decided = loop {
        if let DecideEvent::Decided(decided) = pollster::block_on(decider.next(&mut engine))? {
            break decided;
        }
    };
    for (index, decision) in decided.decisions.iter().enumerate() {
        print(options, decision, index > 0)?;
    }
    Ok(())
}

fn print(options: &Options, decision: &Decision, is_next: bool) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    if options.json {
        serde_json::to_writer(&mut stdout, decision)?;
        return Ok(writeln!(stdout)?);
    }
    if is_next {
        writeln!(stdout)?;
    }
    for option in &decision.options {
        writeln!(stdout, "{:.4} {}", option.probability, option.option)?;
    }
    Ok(())
}
