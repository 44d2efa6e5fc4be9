//! A compiled model with its KV cache.

use linnet_graph::{Ahead, Backend, CompileOptions, Graph, MemoryUse, Output, Reach, Step, Timing, Want};

use crate::Error;
use crate::pace::Pace;

/// A compiled model and the tokens whose keys and values lie in its cache.
pub struct Session<B: Backend> {
    backend: B,
    program: B::Program,
    options: CompileOptions,
    cached: Vec<u32>,
    /// Whether the model has state that cannot be cut off anywhere.
    recurrent: bool,
    /// Where the last step began, from where such a model can be run again.
    last_start: usize,
    /// How far back the KV cache can be cut off.
    reach: Reach,
    /// How much of a prompt to run at a time.
    pub(crate) pace: Pace,
}

impl<B: Backend> Session<B> {
    /// Of `program`, compiled from `graph`.
    pub(crate) fn new(backend: B, program: B::Program, options: CompileOptions, graph: &Graph) -> Self {
        let (recurrent, reach) = (graph.is_recurrent(), Reach::new(graph, &options));
        let pace = Pace::new(options.max_batch, backend.capabilities().backend == "webgpu");
        Session { backend, program, options, cached: Vec::new(), recurrent, last_start: 0, reach, pace }
    }

    /// Positions of the KV cache.
    pub fn context_length(&self) -> usize {
        self.options.context_length
    }

    /// The most tokens that [`Session::extend`] takes at once.
    pub fn max_batch(&self) -> usize {
        self.options.max_batch
    }

    /// The most rows of logits that [`Session::extend`] gives at once.
    pub fn max_logits(&self) -> usize {
        self.options.max_logits
    }

    /// The backend, e.g. to ask for its capabilities.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    /// Bytes held.
    pub fn memory(&self) -> MemoryUse {
        self.backend.memory(&self.program)
    }

    /// Forgets everything but the longest common prefix of the cache and `tokens`, so that [`Session::extend`] can go
    /// on with the rest of `tokens`. At least the last token is always left to run, because its logits are wanted.
    /// Returns the length of the prefix. A model with recurrent state goes on from the end of the cache, from where the last
    /// step began, or from nothing; one whose layers have windows, from nothing where these have forgotten what lies before.
    pub fn reuse(&mut self, tokens: &[u32]) -> usize {
        let common = self.cached.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let mut keep = common.min(tokens.len().saturating_sub(1));
        if self.recurrent && keep < self.cached.len() {
            keep = if keep >= self.last_start { self.last_start } else { 0 };
        }
        if !self.reach.allows(keep) {
            keep = 0;
        }
        self.cached.truncate(keep);
        keep
    }

    /// Runs `tokens` behind the cached ones and measures each kernel. The cache stays as it is.
    ///
    /// # Errors
    /// As [`Session::extend`]; where the backend has no clock.
    pub async fn profile(&mut self, tokens: &[u32]) -> Result<Vec<Timing>, Error> {
        let (position, context_length) = (self.cached.len(), self.options.context_length);
        if position + tokens.len() > context_length {
            return Err(Error::ContextFull { prompt_tokens: position + tokens.len(), context_length });
        }
        let step = Step { tokens, position, want: Want::Token };
        Ok(self.backend.profile(&mut self.program, step).await?)
    }

    /// Runs `tokens` (1 to [`Session::max_batch`]) behind the cached ones.
    ///
    /// # Errors
    /// [`Error::ContextFull`] when they do not fit; [`Error::Backend`]. After an error the cache holds what it held
    /// before.
    pub async fn extend(&mut self, tokens: &[u32], want: Want) -> Result<Output, Error> {
        let (position, context_length) = (self.cached.len(), self.options.context_length);
        if position + tokens.len() > context_length {
            return Err(Error::ContextFull { prompt_tokens: position + tokens.len(), context_length });
        }
        self.reach.advance(position, tokens.len());
        let output = self.backend.run(&mut self.program, Step { tokens, position, want }).await?;
        self.last_start = position;
        self.cached.extend_from_slice(tokens);
        Ok(output)
    }

    /// Runs `tokens` behind the cached ones, then up to `ahead.tokens - 1` of those that the backend chooses, which
    /// [`Backend::can_draw`](linnet_graph::Backend::can_draw) allows. Returns the chosen tokens; all but the last are then cached.
    ///
    /// # Errors
    /// As [`Session::extend`].
    pub async fn run_ahead(&mut self, tokens: &[u32], ahead: Ahead<'_>) -> Result<Vec<u32>, Error> {
        let (position, context_length) = (self.cached.len(), self.options.context_length);
        let run = tokens.len() + ahead.tokens.saturating_sub(1);
        if position + run > context_length {
            return Err(Error::ContextFull { prompt_tokens: position + run, context_length });
        }
        self.reach.advance(position, run);
        let step = Step { tokens, position, want: Want::Token };
        let chosen = self.backend.run_ahead(&mut self.program, step, ahead).await?;
        self.cached.extend_from_slice(tokens);
        self.cached.extend(chosen.iter().rev().skip(1).rev());
        self.last_start = if ahead.tokens > 1 { self.cached.len() } else { position };
        Ok(chosen)
    }
}
