//! Loading: the file's bytes, in order and in any pieces, straight into the backend.

use std::ops::Range;
use std::sync::Arc;

use linnet_gguf::{Gguf, HeaderParser, Part};
use linnet_graph::{Backend, Bytes, CompileOptions, Graph, KvFormat, Plan, fuse};
use linnet_models::Config;
use linnet_text::{ChatTemplate, Tokenizer};

use crate::engine::{Engine, ModelInfo};
use crate::session::Session;
use crate::{Error, Platform};

/// Contexts are not chosen longer than this unless asked for.
const DEFAULT_CONTEXT: usize = 4096;
/// Bytes of KV cache that a context chosen by us may take: what a phone's tab can spare.
const DEFAULT_KV_BYTES: usize = 128 << 20;
/// The header is copied into our memory in pieces of this size.
const HEADER_PIECE: usize = 64 << 10;

/// How a model is to be loaded.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Positions of the KV cache; by default the model's own length, bounded by what a phone can hold.
    pub context_length: Option<usize>,
    /// The most rows of logits in one step: 1 for generation, more for scoring.
    pub max_logits: usize,
    /// How the KV cache holds its numbers.
    pub kv: KvFormat,
    /// Surroundings.
    pub platform: Platform,
}

/// Takes a model file piece by piece.
pub struct Loader<B: Backend> {
    backend: B,
    options: LoadOptions,
    received: u64,
    state: State<B>,
}

enum State<B: Backend> {
    Header(Box<HeaderParser>),
    Tensors(Box<Pending<B>>),
}

/// Everything known once the header is read.
struct Pending<B: Backend> {
    config: Config,
    plan: Plan,
    context_length: usize,
    tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
    info: ModelInfo,
    file_len: u64,
    /// One for each weight of the graph, in the order of the file.
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

impl<B: Backend> Loader<B> {
    /// A loader for one file.
    pub fn new(backend: B, options: LoadOptions) -> Self {
        Loader { backend, options, received: 0, state: State::Header(Box::new(HeaderParser::new())) }
    }

    /// A loader for a model in several files, whose headers have been read: it takes the bytes of all parts, headers
    /// included, one part after the other.
    ///
    /// # Errors
    /// [`Error::Gguf`] where the parts do not fit together, and what [`push`](Self::push) says of a header.
    pub fn of_parts(mut backend: B, options: LoadOptions, parts: Vec<Part>) -> Result<Self, Error> {
        let header = linnet_gguf::join(parts)?;
        let pending = prepare(&header, &mut backend, &options)?;
        Ok(Loader { backend, options, received: 0, state: State::Tensors(Box::new(pending)) })
    }

    /// The backend that is being filled.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Takes the file's next bytes.
    ///
    /// # Errors
    /// Everything that can be wrong with the file is known as soon as its header has arrived: [`Error::Gguf`],
    /// [`Error::Model`], [`Error::Text`], [`Error::InvalidRequest`]; memory runs out here too ([`Error::Backend`]).
    pub async fn push(&mut self, bytes: Bytes<'_>) -> Result<(), Error> {
        let start = self.received;
        self.received += bytes.len() as u64;
        if let State::Header(parser) = &mut self.state {
            match parse_header(parser, bytes)? {
                None => return Ok(()),
                Some(header) => {
                    header.require_whole()?;
                    let pending = prepare(&header, &mut self.backend, &self.options)?;
                    self.state = State::Tensors(Box::new(pending));
                }
            }
        }
        let State::Tensors(pending) = &mut self.state else { return Ok(()) };
        let end = self.received;
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
        Ok(())
    }

    /// Compiles the model after the last byte.
    ///
    /// # Errors
    /// [`Error::Truncated`] when bytes are missing; [`Error::Backend`].
    pub async fn finish(mut self) -> Result<Engine<B>, Error> {
        let pending = match self.state {
            State::Tensors(pending) => *pending,
            State::Header(parser) => return Err(parser.incomplete().into()),
        };
        if self.received < pending.file_len {
            return Err(Error::Truncated { expected: pending.file_len, received: self.received });
        }
        let mut transfers = pending.transfers;
        transfers.sort_by_key(|t| t.index);
        let weights = transfers.into_iter().map(|t| t.weight).collect();
        let max_batch = self.backend.capabilities().max_batch.clamp(1, pending.context_length);
        let max_logits = self.options.max_logits.clamp(1, max_batch);
        let options = CompileOptions {
            context_length: pending.context_length,
            max_batch,
            max_logits,
            kv: self.options.kv,
        };
        let program = self.backend.compile(&pending.plan, weights, options).await?;
        let session = Session::new(self.backend, program, options, pending.plan.graph.is_recurrent());
        Ok(Engine::new(
            session,
            pending.tokenizer,
            pending.template,
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

fn prepare<B: Backend>(header: &Gguf, backend: &mut B, options: &LoadOptions) -> Result<Pending<B>, Error> {
    let model = linnet_models::record(header)?;
    let graph = fuse(model.graph);
    let context_length = choose_context(&model.config, &graph, options)?;
    let tokenizer = Arc::new(Tokenizer::from_gguf(&header.metadata)?);
    let template = chat_template(header, &tokenizer)?;
    let info = ModelInfo::new(header, &model.config, context_length);

    let mut transfers = Vec::with_capacity(graph.weights.len());
    for (index, spec) in graph.weights.iter().enumerate() {
        let tensor = header
            .tensors
            .iter()
            .find(|t| t.name == spec.name)
            .ok_or_else(|| linnet_models::ModelError::MissingTensor { tensor: spec.name.clone() })?;
        let range = tensor.offset..tensor.offset + tensor.bytes;
        transfers.push(Transfer { index, range, weight: backend.allocate(spec)? });
    }
    transfers.sort_by_key(|t| t.range.start);
    Ok(Pending {
        config: model.config,
        plan: Plan::new(graph),
        context_length,
        tokenizer,
        template,
        info,
        file_len: header.file_len(),
        transfers,
        first: 0,
    })
}

fn choose_context(config: &Config, graph: &Graph, options: &LoadOptions) -> Result<usize, Error> {
    let trained = config.context_length;
    match options.context_length {
        Some(n) if n == 0 || n > trained => {
            Err(Error::invalid("context_length", format!("is {n}; this model takes 1 to {trained}")))
        }
        Some(n) => Ok(n),
        None => {
            let per_token = graph.kv_bytes_per_token(options.kv).max(1);
            let affordable = (DEFAULT_KV_BYTES / per_token).max(1024) / 256 * 256;
            Ok(trained.min(DEFAULT_CONTEXT).min(affordable))
        }
    }
}

/// The file's chat template; `None` where it has none.
fn chat_template(header: &Gguf, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>, Error> {
    let Some(source) = header.metadata.str("tokenizer.chat_template")? else { return Ok(None) };
    let text = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or_default();
    Ok(Some(ChatTemplate::new(source, text(tokenizer.bos()), text(tokenizer.eos()))?))
}
