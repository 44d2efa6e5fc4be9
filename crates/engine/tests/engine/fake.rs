//! A generated model file and a backend that "computes" a prepared answer, so that everything around the
//! kernels can be tested exactly.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use linnet_engine::{Engine, LoadOptions, Loader, Platform};
use linnet_graph::{
    Backend, BackendError, BackendKind, Bytes, Capabilities, CompileOptions, Counters, DecodeAhead,
    DecodeRequest, KvFormat, MemoryUse, Output, OutputRequest, Plan, SamplingParams, Step, WeightSpec,
};
use linnet_text::LocalTime;

#[path = "model_files.rs"]
mod model_files;

pub use model_files::*;

pub const CONTEXT: usize = 64;
pub const MAX_BATCH: usize = 8;
pub const START: u32 = 256;
pub const END: u32 = 257;

/// The calls of the backend.
#[derive(Default)]
pub struct Log {
    /// Tokens of each step.
    pub steps: Vec<Vec<u32>>,
    /// Bytes of each weight, by graph index.
    pub weights: Vec<Vec<u8>>,
    /// Whether the backend samples tokens.
    pub draws: bool,
    /// The requested token counts.
    pub asked: Vec<usize>,
    /// How the latest tokens were sampled.
    pub sampling: Option<SamplingParams>,
    /// The length of a prompt and the tokens that follow it, instead of the backend's answer.
    pub script: Option<(usize, Vec<u32>)>,
}

/// Continues any context that ends with its prompt by its answer.
pub struct FakeBackend {
    capabilities: Capabilities,
    /// Pairs of a prompt's last token count and what follows it.
    answer: Vec<u32>,
    /// Milliseconds per token of a step.
    slowness: f64,
    log: Rc<RefCell<Log>>,
}

/// The KV cache: the tokens themselves.
pub struct Cache {
    tokens: Vec<u32>,
    /// Per layer, its window and the position in each slot of its ring buffer.
    rings: Vec<(usize, Vec<Option<usize>>)>,
    context_length: usize,
    /// The start of the last step, for a model whose state cannot be truncated elsewhere.
    start: Option<usize>,
    /// Sampled tokens that were not taken, and whether one of them is a stop token.
    queued: VecDeque<Vec<u32>>,
    ended: bool,
    /// Whether the state can only restart from the beginning.
    lost: bool,
}

impl Cache {
    /// A normal step runs: recurrent state is then ahead of the known tokens.
    fn drop_queued(&mut self) {
        if self.queued.iter().any(|chosen| !chosen.is_empty()) {
            self.lost = self.start.is_some();
        }
        self.queued.clear();
    }
}

impl FakeBackend {
    /// The bytes of `answer`, then the end-of-turn token, follow each prompt's last line feed or start token.
    pub fn new(answer: &[u8]) -> (Self, Rc<RefCell<Log>>) {
        let log = Rc::new(RefCell::new(Log::default()));
        let answer = answer.iter().map(|b| u32::from(*b)).chain([END]).collect();
        let capabilities = Capabilities {
            backend: BackendKind::Cpu,
            threads: 1,
            max_batch: MAX_BATCH,
            ..Capabilities::default()
        };
        (FakeBackend { capabilities, answer, slowness: 0.0, log: Rc::clone(&log) }, log)
    }

    /// Acts like a GPU with this buffer size limit.
    pub fn on_gpu(mut self, max_buffer: u64) -> Self {
        (self.capabilities.backend, self.capabilities.max_buffer) = (BackendKind::WebGpu, Some(max_buffer));
        self.capabilities.draws_screen = true;
        self
    }

    /// Makes each token of a step take this long.
    pub fn slowly(mut self, milliseconds: f64) -> Self {
        self.slowness = milliseconds;
        self
    }

    fn next(&self, tokens: &[u32]) -> u32 {
        if let Some((prompt, answer)) = &self.log.borrow().script {
            return tokens.len().checked_sub(*prompt).and_then(|at| answer.get(at)).copied().unwrap_or(END);
        }
        let prompt = tokens.iter().rposition(|t| *t == u32::from(b'\n')).map_or(0, |at| at + 1);
        self.answer.get(tokens.len() - prompt).copied().unwrap_or(END)
    }

    fn step(&self, cache: &mut Cache, step: Step<'_>) -> Output {
        assert!((1..=MAX_BATCH).contains(&step.tokens.len()) && step.position <= cache.tokens.len());
        if let Some(start) = &mut cache.start {
            assert!([0, *start, cache.tokens.len()].contains(&step.position), "no state for this position");
            assert!(step.position == 0 || !cache.lost, "the state was lost");
            (*start, cache.lost) = (step.position, false);
        }
        let end = step.position + step.tokens.len();
        for (window, ring) in &mut cache.rings {
            let places = ring.len();
            (step.position..end).for_each(|position| ring[position % places] = Some(position));
            let seen = (step.position + 1).saturating_sub(*window)..end;
            assert!(seen.into_iter().all(|p| ring[p % places] == Some(p)), "the ring forgot what is seen");
        }
        CLOCK.set(CLOCK.get() + self.slowness * step.tokens.len() as f64);
        self.log.borrow_mut().steps.push(step.tokens.to_vec());
        cache.tokens.truncate(step.position);
        cache.tokens.extend_from_slice(step.tokens);
        assert!(cache.tokens.len() <= cache.context_length);
        let next = self.next(&cache.tokens);
        match step.want {
            OutputRequest::Nothing => Output::None,
            OutputRequest::Token => Output::Token(next),
            OutputRequest::Logits(_) => {
                Output::Logits((0..258).map(|t| if t == next { 10.0 } else { 0.0 }).collect())
            }
        }
    }
}

impl Backend for FakeBackend {
    type Weight = (usize, Vec<u8>);
    type Program = Cache;
    type DecodeAhead = Self;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn allocate(&mut self, spec: &WeightSpec) -> Result<Self::Weight, BackendError> {
        Ok((spec.byte_len(), Vec::new()))
    }

    async fn write(&mut self, weight: &mut Self::Weight, bytes: Bytes<'_>) -> Result<(), BackendError> {
        let start = weight.1.len();
        weight.1.resize(start + bytes.len(), 0);
        bytes.copy_to(0, &mut weight.1[start..]);
        Ok(())
    }

    async fn compile(
        &mut self,
        plan: &Plan,
        weights: Vec<Self::Weight>,
        options: CompileOptions,
    ) -> Result<Cache, BackendError> {
        assert_eq!((weights.len(), options.max_batch), (plan.graph.weights.len(), MAX_BATCH));
        for (len, bytes) in weights {
            assert_eq!(len, bytes.len(), "a weight is compiled before it is whole");
            self.log.borrow_mut().weights.push(bytes);
        }
        let rings = plan
            .graph
            .kv_layers
            .iter()
            .map(|layer| (layer.window.unwrap_or(usize::MAX), vec![None; layer.positions(&options)]));
        let start = plan.graph.is_recurrent().then_some(0);
        Ok(Cache {
            tokens: Vec::new(),
            rings: rings.collect(),
            context_length: options.context_length,
            start,
            queued: VecDeque::new(),
            ended: false,
            lost: false,
        })
    }

    async fn run(&mut self, cache: &mut Cache, step: Step<'_>) -> Result<Output, BackendError> {
        cache.drop_queued();
        Ok(self.step(cache, step))
    }

    fn decode_ahead(&mut self) -> Option<&mut Self> {
        Some(self)
    }

    fn counters(&self) -> Option<Counters> {
        let log = self.log.borrow();
        log.draws.then(|| Counters { submits: log.asked.len() as u64, ..Counters::default() })
    }

    fn memory(&self, _: &Cache) -> MemoryUse {
        MemoryUse::default()
    }
}

impl DecodeAhead for FakeBackend {
    type Program = Cache;

    fn can_sample(&self, _: &SamplingParams) -> bool {
        self.log.borrow().draws
    }

    fn submit_decode(
        &mut self,
        cache: &mut Cache,
        step: Option<Step<'_>>,
        request: DecodeRequest<'_>,
    ) -> Result<(), BackendError> {
        let mut log = self.log.borrow_mut();
        log.asked.push(request.tokens);
        log.sampling = Some(request.sampling);
        drop(log);
        let (mut tokens, mut position) = match step {
            Some(step) => {
                cache.drop_queued();
                cache.ended = false;
                (step.tokens.to_vec(), step.position)
            }
            None => {
                let last = cache.queued.iter().flatten().last();
                assert!(
                    (1..DecodeRequest::MAX_QUEUED).contains(&cache.queued.len()),
                    "{} are queued",
                    cache.queued.len()
                );
                (vec![*last.expect("a token")], cache.tokens.len())
            }
        };
        let mut chosen = Vec::new();
        while chosen.len() < request.tokens && !cache.ended {
            let step = Step { tokens: &tokens, position, want: OutputRequest::Token };
            let Output::Token(next) = self.step(cache, step) else {
                return Err(BackendError::Internal("no token".to_owned()));
            };
            // The token with the greatest remaining logit.
            let next = match request.suppressed.contains(&next) {
                true => (0..258).find(|token| !request.suppressed.contains(token)).unwrap_or(0),
                false => next,
            };
            position += tokens.len();
            tokens = vec![next];
            chosen.push(next);
            cache.ended = request.stop.contains(&next);
        }
        cache.queued.push_back(chosen);
        Ok(())
    }

    async fn poll_decode(&mut self, cache: &mut Cache) -> Result<Vec<u32>, BackendError> {
        cache.queued.pop_front().ok_or_else(|| BackendError::Internal("nothing is queued".to_owned()))
    }
}
thread_local! {
    /// Milliseconds on this test's clock.
    static CLOCK: Cell<f64> = const { Cell::new(0.0) };
}

pub fn platform() -> Platform {
    Platform { now_ms: || CLOCK.get(), local_time: || LocalTime::EPOCH, random_seed: || 7 }
}

/// A loader for [`model_file`].
pub fn loader(answer: &[u8]) -> (Loader<FakeBackend>, Rc<RefCell<Log>>) {
    let (backend, log) = FakeBackend::new(answer);
    let options = LoadOptions {
        context_length: None,
        max_logits: 1,
        kv: KvFormat::F16,
        memory_limit: None,
        platform: platform(),
    };
    (Loader::new(backend, options), log)
}

/// The loaded model, which answers `answer`.
pub fn engine(answer: &[u8]) -> (Engine<FakeBackend>, Rc<RefCell<Log>>) {
    engine_of(&model_file(), answer)
}

/// A loaded file, which answers `answer`.
pub fn engine_of(file: &[u8], answer: &[u8]) -> (Engine<FakeBackend>, Rc<RefCell<Log>>) {
    let (mut loader, log) = loader(answer);
    pollster::block_on(loader.push(Bytes::Heap(file))).unwrap();
    (pollster::block_on(loader.finish()).unwrap(), log)
}
