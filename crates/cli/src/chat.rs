//! `linnet chat`: streams answers to the terminal.

mod answer;
mod conversation;
mod form;
mod printer;

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use linnet_constraint::Vocabulary;
use linnet_engine::{
    AnswerForm, Done, Engine, ErrorCode, Event, FinishReason, Generation, Message, Prompt, ReasoningEffort,
    ReasoningSupport, Request, Role, Tool,
};
use linnet_graph::{Backend, BackendKind};

use crate::failure::Failure;
use crate::model_file::ModelOptions;
use crate::sampling::SamplingOptions;
use crate::terminal;
use answer::{Answer, Call};
use conversation::{Partner, turn};
use form::FormOptions;
use printer::Printer;

/// Chat with a model
///
/// Without --prompt, each line of standard input is a message, until end of input (Ctrl-D). Ctrl-C stops the
/// answer.
///
/// Reasoning is dimmed on a terminal, and left out of a pipe unless --show-reasoning is given. With --tools,
/// each call is printed on standard error as `tool call: NAME ARGUMENTS`, and the next line of standard input
/// is its result.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    model: ModelOptions,
    /// System message
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
    /// Answer this one message and exit
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Continue the text as is, without the model's chat template
    #[arg(long)]
    raw: bool,
    /// Print the reasoning also if the output is not a terminal
    #[arg(long)]
    show_reasoning: bool,
    /// Tell the model not to think before it answers
    #[arg(long, conflicts_with_all = ["raw", "effort"])]
    no_think: bool,
    /// How much the model thinks, if its chat template can say it
    #[arg(long, value_name = "LEVEL", value_parser = effort(), conflicts_with = "raw")]
    effort: Option<ReasoningEffort>,
    /// A JSON file with the tools that the model may call: an array in the form of OpenAI's API
    #[arg(long, value_name = "FILE", conflicts_with = "raw")]
    tools: Option<PathBuf>,
    /// Print the generated token ids as a JSON array after the answer
    #[arg(long)]
    print_tokens: bool,
    #[command(flatten)]
    form: FormOptions,
    #[command(flatten)]
    sampling: SamplingOptions,
}

/// A parser for the levels of `--effort`.
fn effort() -> impl TypedValueParser<Value = ReasoningEffort> {
    let names = PossibleValuesParser::new(ReasoningEffort::ALL.map(ReasoningEffort::name));
    names.try_map(|name| {
        let level = ReasoningEffort::ALL.into_iter().find(|effort| effort.name() == name);
        level.ok_or("unknown level")
    })
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
    let backend = &options.model.backend;
    match backend.backend {
        BackendKind::Cpu => talk(options, backend.cpu()?),
        BackendKind::WebGpu => talk(options, backend.gpu()?),
    }
}

fn talk<B: Backend>(options: &Options, backend: B) -> Result<(), Failure> {
    let tools = options.tools.as_deref().map_or(Ok(Vec::new()), read_tools)?;
    let form = options.form.form()?;
    let engine = options.model.load(backend)?;
    // Without a handler, Ctrl-C ends the program, which is acceptable.
    let _ = ctrlc::set_handler(|| {
        if ANSWERING.load(Ordering::SeqCst) {
            STOP.store(true, Ordering::SeqCst);
        } else {
            std::process::exit(INTERRUPTED);
        }
    });
    let reasoning = engine.info().model.reasoning;
    if options.no_think && reasoning == ReasoningSupport::Always {
        terminal::say("this model's chat template has no switch for thinking; --no-think has no effect");
    }
    let mut conversation = Vec::new();
    if let Some(system) = &options.system {
        conversation.push(Message::new(Role::System, system));
    }
    let mut model = Model { options, tools, form, vocabulary: None, engine };
    match &options.prompt {
        Some(prompt) => turn(&mut conversation, &mut model, prompt),
        None => converse(&mut model, &mut conversation),
    }
}

/// Reads one message per line until end of input.
fn converse<B: Backend>(model: &mut Model<'_, B>, conversation: &mut Vec<Message>) -> Result<(), Failure> {
    while let Some(text) = read_line("> ")? {
        if text.trim().is_empty() {
            continue;
        }
        match turn(conversation, model, &text) {
            // The next message may work: it may be shorter, or one that the template accepts.
            Err(failure)
                if io::stdin().is_terminal()
                    && matches!(failure.code(), ErrorCode::ContextFull | ErrorCode::InvalidRequest) =>
            {
                terminal::complain(&failure);
            }
            other => other?,
        }
        if model.options.raw {
            conversation.clear();
        }
    }
    Ok(())
}

/// A line of standard input without its end, `None` at the end of input. Asks on a terminal.
fn read_line(prompt: &str) -> Result<Option<String>, Failure> {
    let stdin = io::stdin();
    let asks = stdin.is_terminal();
    if asks {
        let mut stderr = io::stderr();
        write!(stderr, "{prompt}").and_then(|()| stderr.flush())?;
    }
    let mut line = Vec::new();
    if stdin.lock().read_until(b'\n', &mut line)? == 0 {
        if asks {
            writeln!(io::stderr())?;
        }
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned()))
}

/// The tools of a file, an array in OpenAI's form.
fn read_tools(path: &Path) -> Result<Vec<Tool>, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file(path))?;
    Ok(Request::from_json(&format!("{{\"tools\":{text}}}"))?.tools)
}

/// The model, as a partner in a conversation.
struct Model<'a, B: Backend> {
    options: &'a Options,
    tools: Vec<Tool>,
    /// The form of every answer.
    form: Option<AnswerForm>,
    /// The model's tokens for the form, once they are needed.
    vocabulary: Option<Arc<Vocabulary>>,
    engine: Engine<B>,
}

impl<B: Backend> Partner for Model<'_, B> {
    fn answer(&mut self, messages: &[Message]) -> Result<Answer, Failure> {
        let options = self.options;
        let sampling = &options.sampling;
        let asked = messages.last().and_then(|message| message.content.as_ref());
        let request = Request {
            messages: (!options.raw).then(|| messages.to_vec()),
            prompt: asked.filter(|_| options.raw).map(|text| Prompt::Text(text.text())),
            tools: self.tools.clone(),
            enable_thinking: options.no_think.then_some(false),
            reasoning_effort: options.effort,
            max_tokens: sampling.max_tokens,
            sampling: sampling.sampling(),
            form: self.form.clone(),
            stop: sampling.stop(),
            ignore_eos: sampling.ignore_eos,
            ..Request::default()
        };
        STOP.store(false, Ordering::SeqCst);
        ANSWERING.store(true, Ordering::SeqCst);
        let answer = self.generate(&request);
        ANSWERING.store(false, Ordering::SeqCst);
        answer
    }

    fn call(&mut self, call: &Call) -> Result<Option<String>, Failure> {
        terminal::say(&format!("tool call: {call}"));
        read_line("result> ")
    }
}

impl<B: Backend> Model<'_, B> {
    /// Starts an answer.
    fn start(&mut self, request: &Request) -> Result<Generation, Failure> {
        if !self.engine.is_constrained(request)? {
            return Ok(self.engine.generate(request)?);
        }
        let (engine, vocabulary) = (&self.engine, &mut self.vocabulary);
        Ok(engine.generate_within(request, &mut |spec| {
            let vocabulary = match vocabulary {
                Some(vocabulary) => vocabulary,
                None => vocabulary.insert(Arc::new(Vocabulary::of(engine.tokenizer())?)),
            };
            Ok(Box::new(linnet_constraint::compile(spec, vocabulary)?))
        })?)
    }

    /// Prints the answer while it is written.
    fn generate(&mut self, request: &Request) -> Result<Answer, Failure> {
        let mut generation = self.start(request)?;
        let engine = &mut self.engine;
        let stdout = io::stdout().lock();
        let on_terminal = stdout.is_terminal();
        let mut printer = Printer::new(stdout, on_terminal, self.options.show_reasoning);
        let mut answer = Answer::default();
        let done = loop {
            if STOP.load(Ordering::SeqCst) {
                generation.cancel();
            }
            let event = match pollster::block_on(generation.next(engine)) {
                Ok(event) => event,
                Err(error) => {
                    printer.finish(true)?;
                    return Err(error.into());
                }
            };
            let (text, reasoning, tool_calls, done) = match event {
                Event::Prefill { .. } => continue,
                Event::Token { text, reasoning, tool_calls, .. } => (text, reasoning, tool_calls, None),
                Event::Done(done) => {
                    (done.text.clone(), done.reasoning.clone(), done.tool_calls.clone(), Some(done))
                }
            };
            printer.print(&reasoning, &text)?;
            answer.text.push_str(&text);
            answer.reasoning.push_str(&reasoning);
            answer.add_calls(tool_calls);
            if let Some(done) = done {
                break done;
            }
        };
        answer.finish_reason = Some(done.finish_reason);
        printer.finish(answer.wants_results())?;
        if self.options.print_tokens {
            writeln!(io::stdout(), "{}", serde_json::to_string(generation.generated())?)?;
        }
        writeln!(io::stderr(), "[{}]", summary(&done))?;
        Ok(answer)
    }
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
