//! Loads a model file, in order and in chunks of any size, directly into the backend.

mod memory_estimate;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use linnet_gguf::{Gguf, HeaderParser, TensorInfo};
use linnet_graph::{Backend, Bytes, Capabilities, CompileOptions, KvFormat, Plan, fuse};
use linnet_models::Config;
use linnet_text::{TextError, Tokenizer};

use crate::chat::ChatTemplates;
use crate::engine::{Engine, ModelInfo};
use crate::recommended::Recommended;
use crate::session::Session;
use crate::{Error, Platform};
use memory_estimate::Bounds;
pub use memory_estimate::{Fallback, Shortfall};

/// Maximum context length if the caller does not set one.
const DEFAULT_CONTEXT: usize = 4096;
/// Minimum context length, at any cost.
const LEAST_CONTEXT: usize = 1024;
/// Step between candidate lengths.
const CONTEXT_STEP: usize = 256;
/// KV cache limit in bytes for a default context length: what a tab on a phone can afford.
const DEFAULT_KV_BYTES: u64 = 128 << 20;
/// The header is copied in chunks of this size.
const HEADER_PIECE: usize = 64 << 10;

/// Up to this many bytes after a file's last tensor count as padding. A server that sends more may never end.
const MOST_AFTER_END: u64 = 64 << 20;

/// Options for loading a model.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Context length; by default 4,096, or less if the model was trained for less or memory is short.
    pub context_length: Option<usize>,
    /// Maximum rows of logits in one step: 1 for generation, more for scoring.
    pub max_logits: usize,
    /// Element type of the KV cache.
    pub kv: KvFormat,
    /// Memory limit for the model in bytes; a model that exceeds it is rejected before its weights arrive.
    pub memory_limit: Option<u64>,
    /// The platform functions.
    pub platform: Platform,
}

/// Takes a model file in chunks, or the files of a split model, one after another.
///
/// The model is only known once the headers of all its files are. Later files have small headers, because the
/// first has the metadata; so their headers are read first ([`read_ahead`](Self::read_ahead)), and then every
/// file's bytes are pushed once, in order.
pub struct Loader<B: Backend> {
    backend: B,
    options: LoadOptions,
    /// Offsets as in [`linnet_gguf::join`].
    received: u64,
    state: State<B>,
}

enum State<B: Backend> {
    Header(Box<Headers>),
    Tensors(Box<Pending<B>>),
}

#[derive(Default)]
struct Headers {
    first: HeaderParser,
    /// The complete headers of later parts so far.
    later: Vec<Gguf>,
    /// The parser of the next part's header.
    ahead: HeaderParser,
}

/// The state after the header is complete.
struct Pending<B: Backend> {
    config: Config,
    plan: Plan,
    compile: CompileOptions,
    tokenizer: Arc<Tokenizer>,
    chat: Option<Result<ChatTemplates, TextError>>,
    recommended: Recommended,
    info: ModelInfo,
    /// The end of each file.
    ends: Vec<u64>,
    /// The index of the current file.
    part: usize,
    /// One per weight of the graph, in file order.
    transfers: Vec<Transfer<B>>,
    /// All transfers before this one are complete.
    first: usize,
}

/// A tensor on its way from the file to the backend.
struct Transfer<B: Backend> {
    /// Index into the graph's weights.
    index: usize,
    /// Its bytes in the file.
    range: Range<u64>,
    weight: B::Weight,
}

impl<B: Backend> Pending<B> {
    /// Start and end of the current part.
    fn part_range(&self) -> Range<u64> {
        self.part.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[self.part]
    }

    /// Rejects a part that ended early.
    fn require_whole_part(&self, received: u64) -> Result<(), Error> {
        let Range { start, end } = self.part_range();
        if received < end {
            return Err(Error::Truncated { expected: end - start, received: received - start });
        }
        Ok(())
    }
}

impl<B: Backend> Loader<B> {
    /// A loader for a model in one file, unless [`read_ahead`](Self::read_ahead) is called.
    pub fn new(backend: B, options: LoadOptions) -> Self {
        Loader { backend, options, received: 0, state: State::Header(Box::default()) }
    }

    /// Takes the next bytes of a later part of a split model, from the start of that file, until its header
    /// is complete. Then it returns true and continues with the next part. Empty bytes mean the end of the
    /// file. Call it before the first [`push`](Self::push).
    ///
    /// # Errors
    /// [`Error::Gguf`]; [`Error::InvalidRequest`] once the first part's header is complete.
    pub fn read_ahead(&mut self, bytes: Bytes<'_>) -> Result<bool, Error> {
        let State::Header(headers) = &mut self.state else {
            return Err(Error::invalid(
                "read_ahead",
                "must be called before the first part's header is complete",
            ));
        };
        let Some(header) = parse_header(&mut headers.ahead, bytes)? else {
            return if bytes.is_empty() { Err(headers.ahead.incomplete().into()) } else { Ok(false) };
        };
        headers.ahead = HeaderParser::new();
        headers.later.push(header);
        Ok(true)
    }

    /// The backend that the loader fills.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Takes the next bytes of the file, including the header; for a split model, those of its first part
    /// until [`next_part`](Self::next_part) is called.
    ///
    /// # Errors
    /// Every problem with the file is reported as soon as its header is complete: [`Error::Gguf`],
    /// [`Error::Model`], [`Error::Text`], [`Error::InvalidRequest`] and [`Error::DoesNotFit`]. Also
    /// [`Error::Backend`] if memory runs out, and [`Error::Endless`] for a file that does not end.
    pub async fn push(&mut self, bytes: Bytes<'_>) -> Result<(), Error> {
        let start = self.received;
        self.received += bytes.len() as u64;
        if let State::Header(headers) = &mut self.state {
            match parse_header(&mut headers.first, bytes)? {
                None => return Ok(()),
                Some(first) => {
                    let later = std::mem::take(&mut headers.later);
                    let pending = prepare(first, later, &mut self.backend, &self.options)?;
                    self.state = State::Tensors(Box::new(pending));
                }
            }
        }
        let State::Tensors(pending) = &mut self.state else { return Ok(()) };
        // Bytes after a part's last tensor do not belong to the next part.
        let end = self.received.min(pending.ends[pending.part]);
        for transfer in &mut pending.transfers[pending.first..] {
            if transfer.range.start >= end {
                break;
            }
            let from = transfer.range.start.max(start);
            let to = transfer.range.end.min(end);
            if from < to {
                let part = (from - start) as usize..(to - start) as usize;
                write(&mut self.backend, &mut transfer.weight, bytes, part).await?;
            }
        }
        while pending.transfers.get(pending.first).is_some_and(|t| t.range.end <= end) {
            pending.first += 1;
        }
        let part = pending.part_range();
        if self.received.saturating_sub(part.end) > MOST_AFTER_END {
            let (expected, received) = (part.end - part.start, self.received - part.start);
            return Err(Error::Endless { expected, received });
        }
        Ok(())
    }

    /// Call it after the last byte of a part if another one follows.
    ///
    /// # Errors
    /// [`Error::Truncated`] if bytes are missing; [`Error::InvalidRequest`] if there is no next part.
    pub fn next_part(&mut self) -> Result<(), Error> {
        let pending = match &mut self.state {
            State::Tensors(pending) => pending,
            State::Header(headers) => return Err(headers.first.incomplete().into()),
        };
        pending.require_whole_part(self.received)?;
        if pending.part + 1 == pending.ends.len() {
            return Err(Error::invalid("next_part", "was called after the last part"));
        }
        self.received = pending.ends[pending.part];
        pending.part += 1;
        Ok(())
    }

    /// Compiles the model after the last byte.
    ///
    /// # Errors
    /// [`Error::Truncated`] if bytes are missing; [`Error::Backend`].
    pub async fn finish(mut self) -> Result<Engine<B>, Error> {
        let pending = match self.state {
            State::Tensors(pending) => *pending,
            State::Header(headers) => return Err(headers.first.incomplete().into()),
        };
        pending.require_whole_part(self.received)?;
        if pending.part + 1 < pending.ends.len() {
            return Err(Error::Truncated { expected: pending.info.file_bytes, received: self.received });
        }
        let mut transfers = pending.transfers;
        transfers.sort_by_key(|t| t.index);
        let weights = transfers.into_iter().map(|t| t.weight).collect();
        let options = pending.compile;
        let program = self.backend.compile(&pending.plan, weights, options).await?;
        let session = Session::new(self.backend, program, options, &pending.plan.graph);
        Ok(Engine::new(
            session,
            pending.tokenizer,
            pending.chat,
            pending.recommended,
            pending.info,
            pending.config,
            self.options.platform,
        ))
    }
}

/// Feeds the parser from the front of `bytes` until the header is complete.
fn parse_header(parser: &mut HeaderParser, bytes: Bytes<'_>) -> Result<Option<Gguf>, Error> {
    let mut piece = Vec::new();
    for start in (0..bytes.len()).step_by(HEADER_PIECE) {
        piece.resize(HEADER_PIECE.min(bytes.len() - start), 0);
        bytes.copy_to(start, &mut piece);
        if let Some(header) = parser.push(&piece)? {
            return Ok(Some(header));
        }
    }
    Ok(None)
}

async fn write<B: Backend>(
    backend: &mut B,
    weight: &mut B::Weight,
    bytes: Bytes<'_>,
    part: Range<usize>,
) -> Result<(), Error> {
    match bytes {
        Bytes::Heap(bytes) => backend.write(weight, Bytes::Heap(&bytes[part])).await?,
        Bytes::Foreign(bytes) => backend.write(weight, Bytes::Foreign(&*bytes.slice(part))).await?,
    }
    Ok(())
}

/// Allocates the model that the headers describe.
fn prepare<B: Backend>(
    first: Gguf,
    later: Vec<Gguf>,
    backend: &mut B,
    options: &LoadOptions,
) -> Result<Pending<B>, Error> {
    let mut ends = vec![first.file_len()];
    let mut header = if later.is_empty() {
        first.require_whole()?;
        first
    } else {
        ends.extend(later.iter().scan(ends[0], |end, part| {
            // An overflow is rejected below.
            *end = end.saturating_add(part.file_len());
            Some(*end)
        }));
        let mut parts = vec![first];
        parts.extend(later);
        linnet_gguf::join(parts)?
    };
    let model = linnet_models::record(&header)?;
    let plan = Plan::new(fuse(model.graph));
    let compile = compile_options(&model.config, &plan, backend.capabilities(), options)?;
    let tokenizer = Arc::new(Tokenizer::from_gguf(&header.metadata)?);
    let chat = ChatTemplates::from_gguf(&header.metadata, &tokenizer, (options.platform.local_time)())?;
    let usable = chat.as_ref().and_then(|chat| chat.as_ref().ok()).filter(|chat| chat.is_usable());
    let info = ModelInfo::new(&header, &model.config, compile.context_length, usable);
    let recommended = Recommended::from_gguf(&header.metadata, model.config.vocab_size);
    // Mostly the vocabulary: megabytes that the weights can use.
    drop(std::mem::take(&mut header.metadata));

    let tensors: HashMap<&str, &TensorInfo> = header.tensors.iter().map(|t| (t.name.as_str(), t)).collect();
    let mut transfers = Vec::with_capacity(plan.graph.weights.len());
    for (index, spec) in plan.graph.weights.iter().enumerate() {
        let tensor = tensors
            .get(spec.name.as_str())
            .ok_or_else(|| linnet_models::ModelError::MissingTensor { tensor: spec.name.clone() })?;
        let range = tensor.offset..tensor.offset + tensor.bytes;
        transfers.push(Transfer { index, range, weight: backend.allocate(spec)? });
    }
    transfers.sort_by_key(|t| t.range.start);
    Ok(Pending {
        config: model.config,
        plan,
        compile,
        tokenizer,
        chat,
        recommended,
        info,
        ends,
        part: 0,
        transfers,
        first: 0,
    })
}

/// The compile options: the requested context, or the longest one whose KV cache is affordable and fits.
fn compile_options(
    config: &Config,
    plan: &Plan,
    capabilities: &Capabilities,
    options: &LoadOptions,
) -> Result<CompileOptions, Error> {
    let bounds = Bounds { memory: options.memory_limit, capabilities };
    let max_batch = capabilities.max_batch;
    let of_context = |context_length: usize| {
        let max_batch = max_batch.clamp(1, context_length);
        let max_logits = options.max_logits.clamp(1, max_batch);
        CompileOptions { context_length, max_batch, max_logits, kv: options.kv }
    };
    let trained = config.context_length;
    let chosen = match options.context_length {
        Some(n) if n == 0 || n > trained => {
            let reason = format!("is {n}, but must be from 1 to {trained} for this model");
            return Err(Error::invalid_value("context_length", n, reason));
        }
        Some(n) => of_context(n),
        None => {
            let lengths = (LEAST_CONTEXT..=DEFAULT_CONTEXT).rev().step_by(CONTEXT_STEP);
            let mut lengths = lengths.map(|n| of_context(n.min(trained)));
            let affordable = |compile: &CompileOptions| {
                plan.graph.kv_bytes(compile) <= DEFAULT_KV_BYTES && bounds.fits(plan, compile).is_ok()
            };
            lengths.find(affordable).unwrap_or_else(|| of_context(LEAST_CONTEXT.min(trained)))
        }
    };
    bounds.check(plan, &chosen).map_err(|shortfall| Error::DoesNotFit(Box::new(shortfall)))?;
    Ok(chosen)
}
