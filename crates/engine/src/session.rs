//! A compiled model with its KV cache.

mod prefill_chunker;

use std::collections::VecDeque;

use linnet_graph::{
    Backend, BackendError, CompileOptions, DecodeAhead, DecodeRequest, Graph, KvHistory, MemoryUse, Output,
    OutputRequest, SamplingParams, Step, Timing,
};

use crate::Error;
use prefill_chunker::PrefillChunker;

/// A compiled model and the tokens in its KV cache.
pub struct Session<B: Backend> {
    backend: B,
    program: B::Program,
    options: CompileOptions,
    cached: Vec<u32>,
    /// Whether the model has recurrent state, which cannot be truncated.
    recurrent: bool,
    /// The start of the last step, where such a model can resume.
    last_start: usize,
    /// How far back the KV cache can be truncated.
    kv_history: KvHistory,
    /// Chooses how much of a prompt to run at a time.
    pub(crate) chunker: PrefillChunker,
    /// The decode requests in flight.
    queued: Option<Queued>,
}

/// Tokens that the backend is decoding after the cached ones.
struct Queued {
    /// The token that they follow; `None` before the first of them arrived.
    from: Option<u32>,
    sampling: SamplingParams,
    stop: Vec<u32>,
    suppressed: Vec<u32>,
    /// Token counts of the requests.
    tokens: VecDeque<usize>,
    /// Cache length once they are done.
    end: usize,
}

impl Queued {
    /// Whether they follow this token with the same sampling.
    fn serves(&self, token: u32, request: &DecodeRequest<'_>) -> bool {
        self.from == Some(token)
            && self.sampling == request.sampling
            && self.stop == request.stop
            && self.suppressed == request.suppressed
    }
}

impl<B: Backend> Session<B> {
    /// A session for `program`, compiled from `graph`.
    pub(crate) fn new(backend: B, program: B::Program, options: CompileOptions, graph: &Graph) -> Self {
        let (recurrent, kv_history) = (graph.is_recurrent(), KvHistory::new(graph, &options));
        let chunker = PrefillChunker::new(options.max_batch, backend.capabilities().draws_screen);
        Session {
            backend,
            program,
            options,
            cached: Vec::new(),
            recurrent,
            last_start: 0,
            kv_history,
            chunker,
            queued: None,
        }
    }

    /// Context length.
    pub fn context_length(&self) -> usize {
        self.options.context_length
    }

    /// Maximum number of tokens per call of [`Session::extend`].
    pub fn max_batch(&self) -> usize {
        self.options.max_batch
    }

    /// Maximum rows of logits per call of [`Session::extend`].
    pub fn max_logits(&self) -> usize {
        self.options.max_logits
    }

    /// The backend, for example to read its capabilities.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Memory in use.
    pub fn memory(&self) -> MemoryUse {
        self.backend.memory(&self.program)
    }

    /// Whether the model has recurrent state, which cannot be truncated.
    pub(crate) fn is_recurrent(&self) -> bool {
        self.recurrent
    }

    /// Drops queued tokens, and truncates the cache to its longest common prefix with `tokens`, so that
    /// [`Session::extend`] can run the rest. At least the last token is left to run, because its logits are
    /// needed. Returns the length of the prefix. A model with recurrent state resumes at the end of the
    /// cache, at the start of the last step, or at 0; one with sliding windows resumes at 0 if earlier
    /// positions were evicted.
    pub fn reuse(&mut self, tokens: &[u32]) -> usize {
        if self.queued.take().is_some() && self.recurrent {
            self.cached.clear();
        }
        let common = self.cached.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let mut keep = common.min(tokens.len().saturating_sub(1));
        if self.recurrent && keep < self.cached.len() {
            keep = if keep >= self.last_start { self.last_start } else { 0 };
        }
        if !self.kv_history.can_resume_at(keep) {
            keep = 0;
        }
        self.cached.truncate(keep);
        keep
    }

    /// Whether the backend can sample with these parameters itself, which [`Session::run_decode`] requires.
    pub fn can_sample(&mut self, params: &SamplingParams) -> bool {
        self.backend.decode_ahead().is_some_and(|decoder| decoder.can_sample(params))
    }

    /// Whether [`Session::run_decode`] has already queued the decoding after these tokens, with the same sampling. If
    /// so, its next call takes the last of them alone.
    pub fn goes_on(&self, tokens: &[u32], request: &DecodeRequest<'_>) -> bool {
        tokens.split_last().is_some_and(|(last, before)| {
            let queued = self.queued.as_ref();
            before == self.cached && queued.is_some_and(|queued| queued.serves(*last, request))
        })
    }

    /// Runs `tokens` after the cached ones and times each kernel. The cache does not change.
    ///
    /// # Errors
    /// Those of [`Session::extend`]; an error if the backend has no timestamps.
    pub async fn profile(&mut self, tokens: &[u32]) -> Result<Vec<Timing>, Error> {
        let (position, context_length) = (self.cached.len(), self.options.context_length);
        if position + tokens.len() > context_length {
            return Err(Error::ContextFull { prompt_tokens: position + tokens.len(), context_length });
        }
        self.queued = None;
        let step = Step { tokens, position, want: OutputRequest::Token };
        Ok(self.backend.profile(&mut self.program, step).await?)
    }

    /// Runs `tokens` (1 to [`Session::max_batch`]) after the cached ones.
    ///
    /// # Errors
    /// [`Error::ContextFull`] if they do not fit; [`Error::Backend`]. An error leaves the cache unchanged.
    pub async fn extend(&mut self, tokens: &[u32], want: OutputRequest) -> Result<Output, Error> {
        let (position, context_length) = (self.cached.len(), self.options.context_length);
        if position + tokens.len() > context_length {
            return Err(Error::ContextFull { prompt_tokens: position + tokens.len(), context_length });
        }
        self.queued = None;
        self.kv_history.advance(position, tokens.len());
        let output = self.backend.run(&mut self.program, Step { tokens, position, want }).await?;
        self.last_start = position;
        self.cached.extend_from_slice(tokens);
        Ok(output)
    }

    /// Runs `tokens` after the cached ones, then up to `request.tokens - 1` tokens that the backend samples. Returns
    /// the sampled tokens; all but the last are then cached. Check [`Session::can_sample`] first.
    ///
    /// Queues as many again of the `wanted` tokens, so that the device is busy while the caller handles the result. A
    /// call with the last token returns these, however many it requests. Before running anything else, call
    /// [`Session::reuse`].
    ///
    /// # Errors
    /// Those of [`Session::extend`].
    pub async fn run_decode(
        &mut self,
        tokens: &[u32],
        request: DecodeRequest<'_>,
        wanted: usize,
    ) -> Result<Vec<u32>, Error> {
        let queued = self.queued.take().filter(|queued| match tokens {
            [token] => queued.serves(*token, &request),
            _ => false,
        });
        let mut queued = match queued {
            Some(queued) => queued,
            None => self.begin_decode(tokens, request)?,
        };
        let under_way: usize = queued.tokens.iter().sum();
        let room = self.options.context_length - queued.end;
        let more = request.tokens.min(wanted.saturating_sub(under_way)).min(room);
        if more > 0 && queued.tokens.len() < DecodeRequest::MAX_QUEUED {
            self.kv_history.advance(queued.end, more);
            decoder(&mut self.backend)?.submit_decode(
                &mut self.program,
                None,
                DecodeRequest { tokens: more, ..request },
            )?;
            queued.tokens.push_back(more);
            queued.end += more;
        }
        let chosen = decoder(&mut self.backend)?.poll_decode(&mut self.program).await.inspect_err(|_| {
            if self.recurrent {
                self.cached.clear();
            }
        })?;
        let asked = queued.tokens.pop_front().unwrap_or_default();
        let last = chosen.last().copied();
        let position = self.cached.len();
        self.cached.extend_from_slice(tokens);
        self.cached.extend(chosen.iter().rev().skip(1).rev());
        self.last_start = if asked > 1 { self.cached.len() } else { position };
        queued.from = last;
        // Nothing follows a stop token.
        let ended = last.is_none_or(|last| request.stop.contains(&last));
        self.queued = Some(queued).filter(|queued| !queued.tokens.is_empty() && !ended);
        Ok(chosen)
    }

    /// Queues the first tokens after `tokens`.
    fn begin_decode(&mut self, tokens: &[u32], request: DecodeRequest<'_>) -> Result<Queued, Error> {
        let (position, context_length) = (self.cached.len(), self.options.context_length);
        let end = position + tokens.len() + request.tokens.saturating_sub(1);
        if end > context_length {
            return Err(Error::ContextFull { prompt_tokens: end, context_length });
        }
        self.kv_history.advance(position, end - position);
        let step = Step { tokens, position, want: OutputRequest::Token };
        decoder(&mut self.backend)?.submit_decode(&mut self.program, Some(step), request)?;
        Ok(Queued {
            from: None,
            sampling: request.sampling,
            stop: request.stop.to_vec(),
            suppressed: request.suppressed.to_vec(),
            tokens: VecDeque::from([request.tokens]),
            end,
        })
    }
}

fn decoder<B: Backend>(backend: &mut B) -> Result<&mut B::DecodeAhead, BackendError> {
    let missing = || BackendError::Internal("this backend does not sample tokens".to_owned());
    backend.decode_ahead().ok_or_else(missing)
}
