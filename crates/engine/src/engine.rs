//! A loaded model that can answer requests.

use std::sync::Arc;

use linnet_gguf::Gguf;
use linnet_graph::{Backend, BackendKind, DecodeRequest};
use linnet_models::Config;
use linnet_text::{TextError, Tokenizer};
use serde::{Serialize, Serializer};

use crate::chat::ChatTemplates;
use crate::decide::{DecideRequest, Decider};
use crate::recommended::Recommended;
use crate::session::Session;
use crate::suggest::{Recent, SuggestRequest, Suggestion};
use crate::{Compile, Error, Generation, Platform, Request, prompt};

/// What the file says of the model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ModelInfo {
    /// The name in the file, or empty.
    pub name: String,
    /// Its architecture.
    pub architecture: String,
    /// Number of weights.
    pub parameters: u64,
    /// The most common block format, by bytes.
    pub quantization: String,
    /// The context length of this engine, in tokens.
    pub context_length: usize,
    /// The context length that the model was trained for, in tokens.
    pub training_context_length: usize,
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// Whether the file has a usable chat template; without one only `completions` works.
    pub chat: bool,
    /// Whether the model reasons before it answers, and whether a request can turn that off.
    pub reasoning: ReasoningSupport,
    /// Whether it reasons if a request does not say.
    pub thinks: bool,
    /// Whether the chat template describes tools to the model; otherwise Linnet's own text does.
    pub tools: bool,
}

/// Whether a model reasons before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum ReasoningSupport {
    /// It does not.
    None,
    /// It does, and its template has no switch.
    Always,
    /// A request can turn it on and off.
    Optional,
}

impl ModelInfo {
    pub(crate) fn new(
        header: &Gguf,
        config: &Config,
        context_length: usize,
        chat: Option<&ChatTemplates>,
    ) -> Self {
        let mut bytes_by_type: Vec<(&str, u64)> = Vec::new();
        for tensor in &header.tensors {
            let name = tensor.dtype.name();
            match bytes_by_type.iter_mut().find(|(n, _)| *n == name) {
                Some((_, bytes)) => *bytes = bytes.saturating_add(tensor.bytes),
                None => bytes_by_type.push((name, tensor.bytes)),
            }
        }
        let main_type = bytes_by_type.iter().max_by_key(|(_, bytes)| *bytes).map_or("", |(name, _)| name);
        ModelInfo {
            name: header.metadata.str("general.name").ok().flatten().unwrap_or_default().to_owned(),
            architecture: config.architecture.clone(),
            parameters: header
                .tensors
                .iter()
                .map(|tensor| tensor.dims.iter().copied().fold(1, u64::saturating_mul))
                .fold(0, u64::saturating_add),
            quantization: main_type.to_owned(),
            context_length,
            training_context_length: config.context_length,
            file_bytes: header.file_len(),
            chat: chat.is_some(),
            reasoning: chat.map_or(ReasoningSupport::None, ChatTemplates::reasoning),
            thinks: chat.is_some_and(ChatTemplates::thinks_by_default),
            tools: chat.is_some_and(ChatTemplates::shows_tools),
        }
    }
}

/// What is loaded and where it runs. Sizes are in bytes.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "EngineReport"))]
pub struct Info {
    /// The model.
    #[cfg_attr(test, ts(inline))]
    pub model: ModelInfo,
    /// Where it runs.
    #[serde(serialize_with = "named")]
    #[cfg_attr(test, ts(type = "BackendKind"))]
    pub backend: BackendKind,
    /// The GPU in use, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(inline, optional))]
    pub adapter: Option<Adapter>,
    /// Capabilities in use, such as `subgroups` or `simd128`.
    pub features: Vec<String>,
    /// Features that were turned off because the self-test found wrong results on this device, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<Vec<String>>"))]
    pub disabled_features: Vec<String>,
    /// Number of threads that compute.
    pub threads: usize,
    /// Memory in use.
    #[cfg_attr(test, ts(inline))]
    pub memory: Memory,
}

fn named<S: Serializer>(backend: &BackendKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(backend.name())
}

/// A GPU.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Adapter {
    /// Its description.
    pub description: String,
    /// Whether it is emulated in software.
    pub fallback: bool,
}

/// Memory of a loaded model in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Memory {
    /// Weights.
    pub weights: u64,
    /// KV cache.
    pub kv: u64,
    /// Activations and staging.
    pub scratch: u64,
}

/// A loaded model with its tokenizer and chat template.
pub struct Engine<B: Backend> {
    pub(crate) session: Session<B>,
    pub(crate) tokenizer: Arc<Tokenizer>,
    /// `None` if the file has no chat template, an error if it does not compile.
    pub(crate) chat: Option<Result<ChatTemplates, TextError>>,
    pub(crate) platform: Platform,
    /// Tokens that end an answer, as many as the backend can check for.
    pub(crate) ends: Vec<u32>,
    /// What the file recommends for sampling.
    pub(crate) recommended: Recommended,
    /// Cached results for suggestions.
    pub(crate) recent: Recent,
    model: ModelInfo,
    config: Config,
}

impl<B: Backend> Engine<B> {
    pub(crate) fn new(
        session: Session<B>,
        tokenizer: Arc<Tokenizer>,
        chat: Option<Result<ChatTemplates, TextError>>,
        recommended: Recommended,
        model: ModelInfo,
        config: Config,
        platform: Platform,
    ) -> Self {
        let all = 0..tokenizer.vocab_size() as u32;
        let ends = all
            .filter(|token| tokenizer.is_end_of_generation(*token))
            .take(DecodeRequest::MAX_STOPS)
            .collect();
        let recent = Recent::default();
        Engine { session, tokenizer, chat, platform, ends, recommended, recent, model, config }
    }

    /// The model, its device and its memory.
    pub fn info(&self) -> Info {
        let capabilities = self.session.backend().capabilities();
        let memory = self.session.memory();
        Info {
            model: self.model.clone(),
            backend: capabilities.backend,
            adapter: (capabilities.backend == BackendKind::WebGpu).then(|| Adapter {
                description: capabilities.adapter.clone(),
                fallback: capabilities.fallback_adapter,
            }),
            features: capabilities.features.clone(),
            disabled_features: capabilities.disabled_features.clone(),
            threads: capabilities.threads,
            memory: Memory { weights: memory.weights, kv: memory.kv, scratch: memory.scratch },
        }
    }

    /// The model's hyperparameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The compiled model with its KV cache, for scoring.
    pub fn session(&mut self) -> &mut Session<B> {
        &mut self.session
    }

    /// Number of tokens in a request's prompt, including what the chat template adds: its
    /// `usage.prompt_tokens`. Does not run the model, and the prompt need not fit the context.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], [`Error::Text`] if the template rejects the messages.
    pub fn count_tokens(&self, request: &Request) -> Result<usize, Error> {
        request.check()?;
        prompt::count(self, request)
    }

    /// Whether the answer to a request must fit a form, or its calls the tools' schemas. Then
    /// [`generate_within`](Self::generate_within) starts it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    pub fn is_constrained(&self, request: &Request) -> Result<bool, Error> {
        request.check()?;
        Ok(request.needs_constraint().is_some())
    }

    /// Starts a free answer: checks the request and tokenizes its prompt. The model runs in [`Generation::next`].
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], also if the answer is [constrained](Self::is_constrained); [`Error::ContextFull`],
    /// [`Error::Text`] if the template rejects the messages.
    pub fn generate(&self, request: &Request) -> Result<Generation, Error> {
        request.check()?;
        match request.needs_constraint() {
            Some(field) => Err(Error::invalid(field, "must be compiled first")),
            None => Generation::start(self, request, None),
        }
    }

    /// Starts an answer whose constraints are made by `compile`.
    ///
    /// # Errors
    /// Those of [`generate`](Self::generate), and [`Error::Constraint`] for a constraint that cannot be enforced.
    pub fn generate_within(&self, request: &Request, compile: &mut Compile<'_>) -> Result<Generation, Error> {
        Generation::start(self, request, Some(compile))
    }

    /// Starts suggesting words. The model runs in [`Suggestion::next`].
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], [`Error::ContextFull`], [`Error::Text`].
    pub fn suggest(&self, request: &SuggestRequest) -> Result<Suggestion, Error> {
        Suggestion::start(self, request)
    }

    /// Starts to compute how likely each of some answers is. The model runs in [`Decider::next`].
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], [`Error::ContextFull`], [`Error::TextTooLong`], [`Error::Text`].
    pub fn decide(&self, request: &DecideRequest) -> Result<Decider, Error> {
        Decider::start(self, request)
    }
}
