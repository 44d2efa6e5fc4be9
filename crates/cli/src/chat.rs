//! `linnet chat`: streams answers to the terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use linnet_engine::{Done, Engine, ErrorCode, Event, FinishReason, Message, Prompt, Request, Role};
use linnet_graph::{Backend, BackendKind};

use crate::backend::BackendOptions;
use crate::failure::Failure;
use crate::sampling::SamplingOptions;
use crate::{model_file, terminal};

/// Chat with a model
///
/// Without --prompt, each line of standard input is a message, until end of input (Ctrl-D). Ctrl-C stops the
/// answer.
#[derive(Args, Debug)]
pub struct Options {
    /// A GGUF file
    model: PathBuf,
    #[command(flatten)]
    backend: BackendOptions,
    /// Context length in tokens [default: the model's own, limited]
    #[arg(long, value_name = "N")]
    context: Option<usize>,
    /// System message
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
    /// Answer this one message and exit
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Continue the text as is, without the model's chat template
    #[arg(long)]
    raw: bool,
    /// Print the generated token ids as a JSON array after the answer
    #[arg(long)]
    print_tokens: bool,
    #[command(flatten)]
    sampling: SamplingOptions,
}

/// Set while an answer is being generated: Ctrl-C then stops the answer, otherwise it ends the program.
static ANSWERING: AtomicBool = AtomicBool::new(false);
/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);
/// Exit code of a program ended by Ctrl-C (128 + SIGINT).
const INTERRUPTED: i32 = 130;

/// Runs the command.
///
/// # Errors
/// Any error of loading the model or of the first request; in a conversation, only errors that end it.
pub fn run(options: &Options) -> Result<(), Failure> {
    match options.backend.backend {
        BackendKind::Cpu => talk(options, options.backend.cpu()?),
        BackendKind::WebGpu => talk(options, options.backend.gpu()?),
    }
}

fn talk<B: Backend>(options: &Options, backend: B) -> Result<(), Failure> {
    let mut engine =
        model_file::load(&options.model, backend, (options.context, options.backend.kv()), 1, None)?;
    // Without a handler, Ctrl-C ends the program, which is good enough.
    let _ = ctrlc::set_handler(|| {
        if ANSWERING.load(Ordering::SeqCst) {
            STOP.store(true, Ordering::SeqCst);
        } else {
            std::process::exit(INTERRUPTED);
        }
    });
    let mut conversation = Vec::new();
    if let Some(system) = &options.system {
        conversation.push(Message::new(Role::System, system));
    }
    match &options.prompt {
        Some(prompt) => turn(options, &mut engine, &mut conversation, prompt),
        None => converse(options, &mut engine, &mut conversation),
    }
}

/// Reads one message per line until end of input.
fn converse<B: Backend>(
    options: &Options,
    engine: &mut Engine<B>,
    conversation: &mut Vec<Message>,
) -> Result<(), Failure> {
    let stdin = io::stdin();
    let asks = stdin.is_terminal();
    loop {
        if asks {
            let mut stderr = io::stderr();
            write!(stderr, "> ").and_then(|()| stderr.flush())?;
        }
        let mut line = Vec::new();
        if stdin.lock().read_until(b'\n', &mut line)? == 0 {
            if asks {
                writeln!(io::stderr())?;
            }
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line);
        let text = line.trim_end_matches(['\n', '\r']);
        if text.trim().is_empty() {
            continue;
        }
        match turn(options, engine, conversation, text) {
            // The next message may work: it may be shorter, or one that the template accepts.
            Err(failure)
                if asks && matches!(failure.code(), ErrorCode::ContextFull | ErrorCode::InvalidRequest) =>
            {
                terminal::complain(&failure);
            }
            other => other?,
        }
    }
}

/// Sends the message, streams the answer and adds both to the conversation. An error leaves the conversation
/// unchanged.
fn turn<B: Backend>(
    options: &Options,
    engine: &mut Engine<B>,
    conversation: &mut Vec<Message>,
    text: &str,
) -> Result<(), Failure> {
    let mut messages = conversation.clone();
    messages.push(Message::new(Role::User, text));
    let request = Request {
        messages: (!options.raw).then(|| messages.clone()),
        prompt: options.raw.then(|| Prompt::Text(text.to_owned())),
        max_tokens: options.sampling.max_tokens,
        sampling: options.sampling.sampling(),
        stop: options.sampling.stop(),
        ignore_eos: options.sampling.ignore_eos,
        ..Request::default()
    };
    STOP.store(false, Ordering::SeqCst);
    ANSWERING.store(true, Ordering::SeqCst);
    let answer = answer(options, engine, &request);
    ANSWERING.store(false, Ordering::SeqCst);
    messages.push(Message::new(Role::Assistant, answer?));
    if !options.raw {
        *conversation = messages;
    }
    Ok(())
}

fn answer<B: Backend>(
    options: &Options,
    engine: &mut Engine<B>,
    request: &Request,
) -> Result<String, Failure> {
    let mut generation = engine.generate(request)?;
    let mut stdout = io::stdout().lock();
    let on_terminal = stdout.is_terminal();
    let mut answer = String::new();
    let mut show = |text: &str| -> io::Result<()> {
        answer.push_str(text);
        if on_terminal {
            stdout.write_all(terminal::harmless(text).as_bytes())?;
        } else {
            stdout.write_all(text.as_bytes())?;
        }
        stdout.flush()
    };
    let done = loop {
        if STOP.load(Ordering::SeqCst) {
            generation.cancel();
        }
        match pollster::block_on(generation.next(engine))? {
            Event::Prefill { .. } => {}
            Event::Token { text, .. } => show(&text)?,
            Event::Done(done) => {
                show(&done.text)?;
                break done;
            }
        }
    };
    writeln!(stdout)?;
    if options.print_tokens {
        writeln!(stdout, "{}", serde_json::to_string(generation.generated())?)?;
    }
    writeln!(io::stderr(), "[{}]", summary(&done))?;
    Ok(answer)
}

/// Token counts, speeds, and the reason why the answer ended if the model did not end it.
fn summary(done: &Done) -> String {
    let t = &done.timings;
    let end = match done.finish_reason {
        FinishReason::Stop | FinishReason::ToolCalls => "",
        FinishReason::Length => "; stopped at --max-tokens or the end of the context",
        FinishReason::Cancelled => "; stopped",
    };
    format!(
        "prompt {} tokens at {:.1}/s, answer {} tokens at {:.1}/s{end}",
        t.prompt_n, t.prompt_per_second, t.predicted_n, t.predicted_per_second
    )
}
