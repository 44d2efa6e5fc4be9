//! Answers requests one after the other: a JSON request in each line of the input, its answer in each line of the
//! output. The model is loaded once.
//!
//! ```sh
//! cargo run --release -p linnet-cli --example answers -- MODEL < requests.jsonl > answers.jsonl
//! ```

#[path = "../src/platform.rs"]
#[allow(dead_code, reason = "the program uses the rest")]
mod platform;

use std::error::Error as AnyError;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use linnet_constraint::{Vocabulary, compile};
use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_engine::{Engine, Error, Event, FinishReason, LoadOptions, Loader, Request};
use linnet_graph::{Bytes, KvFormat};
use serde_json::{Value, json};

/// Bytes per chunk of the file.
const CHUNK: usize = 2 << 20;

fn main() -> Result<(), Box<dyn AnyError>> {
    let model = std::env::args().nth(1).ok_or("usage: answers MODEL < REQUESTS")?;
    let mut engine = load(&model)?;
    let vocabulary = Arc::new(Vocabulary::of(engine.tokenizer())?);
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let answer = answer(&mut engine, &vocabulary, &line?).unwrap_or_else(|error| {
            json!({ "error": error.code().name(), "reason": error.to_string(), "details": error.details() })
        });
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn load(path: &str) -> Result<Engine<CpuBackend>, Box<dyn AnyError>> {
    let options = LoadOptions {
        context_length: None,
        max_logits: 1,
        kv: KvFormat::F16,
        memory_limit: None,
        platform: platform::PLATFORM,
    };
    let backend = CpuBackend::new(CpuOptions { threads: None, portable: false, precise: false });
    let mut loader = Loader::new(backend, options);
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(pollster::block_on(loader.finish())?),
            read => pollster::block_on(loader.push(Bytes::Heap(&chunk[..read])))?,
        }
    }
}

/// Answers a request in the form that it asks for.
fn answer(
    engine: &mut Engine<CpuBackend>,
    vocabulary: &Arc<Vocabulary>,
    request: &str,
) -> Result<Value, Error> {
    let request = Request::from_json(request)?;
    let mut generation = match engine.is_constrained(&request)? {
        true => engine.generate_within(&request, &mut |spec| Ok(Box::new(compile(spec, vocabulary)?)))?,
        false => engine.generate(&request)?,
    };
    let mut answer = String::new();
    loop {
        let (text, done) = match pollster::block_on(generation.next(engine))? {
            Event::Prefill { .. } => continue,
            Event::Token { text, .. } => (text, None),
            Event::Done(done) => (done.text.clone(), Some(done)),
        };
        answer.push_str(&text);
        if let Some(done) = done {
            let cut = done.finish_reason == FinishReason::Length;
            return Ok(json!({ "text": answer, "cut": cut, "tokens": generation.generated().len() }));
        }
    }
}
